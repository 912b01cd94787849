"""Random numbers to text that no corpus holds: character strings, digits and codes, Chinese sentences.

A decoder cannot guess these from language alone, so it has to look at the picture.
"""

from __future__ import annotations

import string

import numpy as np

from GOT.data_engine.fonts import gb2312

_LETTERS = string.ascii_letters
_UPPER_DIGITS = string.ascii_uppercase + string.digits
_PRINTABLE = string.ascii_letters + string.digits + string.punctuation


def random_strings(rng: np.random.Generator, characters: int, letters: str = "") -> str:
    """Space-separated random strings, about ``characters`` long.

    Args:
        rng: The random numbers.
        characters: Wanted length.
        letters: What to draw from; by default letters, capitals with digits, or all printable ASCII, a string each.
    """
    count = max(1, characters // 4)
    sizes = rng.integers(1, 11, size=count).tolist()
    styles = rng.integers(3, size=count).tolist()
    draws = rng.random(11 * count).tolist()  # all at once: a call for every word costs more than its letters
    words = []
    length = used = 0
    for size, style in zip(sizes, styles, strict=True):
        size = min(size, max(1, characters - length))
        pool = letters or (_LETTERS, _UPPER_DIGITS, _PRINTABLE)[style]
        words.append("".join([pool[int(share * len(pool))] for share in draws[used : used + size]]))
        used += size
        length += size + 1
        if length >= characters:
            break
    return " ".join(words)


def random_chinese(rng: np.random.Generator, characters: int, rare: float = 0.1) -> str:
    """Random Chinese characters in clauses of 2 to 14; a share ``rare`` of them from GB2312 level 2."""
    common, uncommon = gb2312()
    size = max(1, characters)
    level2 = rng.random(size) < rare
    drawn = np.where(level2, rng.integers(len(uncommon), size=size), rng.integers(len(common), size=size))
    pieces = []
    left = 0
    for place, (index, is_rare) in enumerate(zip(drawn.tolist(), level2.tolist(), strict=True)):
        if place and left == 0:
            pieces.append("，。，、；：，。！？"[int(rng.integers(10))])
        if left == 0:
            left = int(rng.integers(2, 15))
        pieces.append(uncommon[index] if is_rare else common[index])
        left -= 1
    return "".join(pieces)


def codes(rng: np.random.Generator, characters: int, *, chinese: bool = False) -> str:
    """Dates, amounts, numbers, addresses and serial codes, about ``characters`` long."""
    pieces: list[str] = []
    length = 0
    while length < characters:
        piece = _chinese_code(rng) if chinese and rng.random() < 0.6 else _code(rng)
        if pieces and length + len(piece) > characters * 1.2:
            break
        pieces.append(piece)
        length += len(piece) + 1
    return ("，" if chinese else " ").join(pieces)


def _code(rng: np.random.Generator) -> str:
    def number(low: int, high: int) -> int:
        return int(rng.integers(low, high))

    def digits(count: int) -> str:
        return "".join(map(str, rng.integers(10, size=count).tolist()))

    def draw(pool: str, count: int) -> str:
        return "".join(pool[place] for place in rng.integers(len(pool), size=count).tolist())

    lower = string.ascii_lowercase
    year, month, day = number(1900, 2040), number(1, 13), number(1, 29)
    makers = (
        lambda: f"{year}-{month:02d}-{day:02d}",
        lambda: f"{day}/{month}/{year}",
        lambda: f"{number(0, 24):02d}:{number(0, 60):02d}:{number(0, 60):02d}",
        lambda: f"${number(0, 10**6):,}.{digits(2)}",
        lambda: f"{number(0, 10**4) / 100:.2f}%",
        lambda: f"+{number(1, 99)} {digits(3)} {digits(4)} {digits(4)}",
        lambda: f"({digits(3)}) {digits(3)}-{digits(4)}",
        lambda: f"{draw(lower, number(3, 9))}@{draw(lower, number(3, 9))}.{draw(lower, 3)}",
        lambda: (
            f"https://{draw(lower, number(3, 9))}.{draw(lower, 3)}/{draw(lower + string.digits, number(2, 9))}"
        ),
        lambda: f"0x{draw('0123456789ABCDEF', number(2, 9))}",
        lambda: f"v{number(0, 20)}.{number(0, 30)}.{number(0, 99)}",
        lambda: f"{draw(string.ascii_uppercase, 2)}-{digits(4)}-{draw(_UPPER_DIGITS, 3)}",
        lambda: ".".join(str(number(0, 256)) for _ in range(4)),
        lambda: f"{draw(lower, 1)} = {number(-999, 999) / 10:g}",
        lambda: f"[{number(1, 400)}]",
        lambda: f"No. {number(1, 10**5)}",
        lambda: f"{number(1, 99)}-{number(100, 999)}",
        lambda: f"#{digits(number(2, 7))}",
        lambda: digits(number(1, 12)),
        lambda: f"{number(0, 10**9):,}",
        lambda: draw(_UPPER_DIGITS, number(3, 13)),
        lambda: f"{draw(_LETTERS, number(1, 4))}_{draw(lower, number(2, 7))}({number(0, 99)})",
    )
    return makers[number(0, len(makers))]()


def _chinese_code(rng: np.random.Generator) -> str:
    def number(low: int, high: int) -> int:
        return int(rng.integers(low, high))

    makers = (
        lambda: f"{number(1900, 2040)}年{number(1, 13)}月{number(1, 29)}日",
        lambda: f"第{number(1, 400)}页",
        lambda: f"第{'一二三四五六七八九十'[number(0, 10)]}章",
        lambda: f"￥{number(0, 10**6):,}.{number(0, 100):02d}",
        lambda: f"电话：0{number(10, 999)}-{number(10**7, 10**8)}",
        lambda: f"邮编：{number(10**5, 10**6)}",
        lambda: f"图{number(1, 12)}-{number(1, 30)}",
        lambda: f"（{number(1, 60)}）",
        lambda: f"编号{number(10**4, 10**9)}",
        lambda: f"共{number(2, 999)}元",
        lambda: f"{number(1, 99)}.{number(0, 10)}万人",
    )
    return makers[number(0, len(makers))]()


def _list(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# A small grammar of everyday Chinese, written for this file: enough to look like sentences, not to mean anything.
_TIME = _list(
    "今天 昨天 明天 去年 每天早上 上个星期 到了晚上 三年以前 有一次 春天来的时候 下午三点 "
    "这几年 很久以来 后来"
)
_WHO = _list(
    "我们 他们 老师 学生 医生 工程师 邻居 孩子们 这位作者 公司的经理 研究人员 一位老人 "
    "村里的人 司机 我的朋友 记者 编辑 顾客 工人 校长 大家 图书管理员 市民 旅客 那位画家"
)
_WHERE = _list(
    "在学校里 在图书馆 在北方的小城 在河边 在办公室 在车站附近 在山脚下 在实验室 在市场上 "
    "在网上 在会议中 在家里 在南方 在公园里 在机场 在博物馆门口 在乡下"
)
_HOW = _list("慢慢地 认真地 高兴地 突然 已经 终于 常常 仔细地 一起 重新 顺利地 偶尔 安静地 努力地 刚刚 马上")
_DO = _list(
    "讨论了 发现了 完成了 介绍了 修改了 准备了 打开了 写下了 整理了 收到了 检查了 解释了 "
    "测量了 记录了 比较了 买到了 翻译了 设计了 出版了 忘记了 看见了"
)
_WHAT = _list(
    "一份报告 新的方法 几本旧书 这个问题 两张照片 实验的结果 一封长信 全部的数据 城市的历史 "
    "机器的结构 一首诗 工作的计划 许多表格 地图上的路线 一种植物 合同的内容 电影的结尾 "
    "天气的变化 语言的规律 价格和数量 一块石头 农业的发展 数学公式"
)
_LINK = _list("因此 但是 同时 不过 另外 其实 总之 例如 首先 最后 所以 当然 与此同时 由此可见")
_JUDGE = _list(
    "这是非常重要的 结果比预想的好 没有人知道原因 问题还没有解决 大家都很满意 时间过得很快 "
    "需要进一步研究 情况变得复杂起来 价值难以估计 这样的例子很多 每个人的看法都不一样 "
    "我们应该记住这一点"
)


def chinese_sentences(rng: np.random.Generator, characters: int) -> str:
    """Chinese sentences of a small grammar, about ``characters`` long."""
    pieces: list[str] = []
    length = 0

    def pick(words: tuple[str, ...]) -> str:
        return words[int(rng.integers(len(words)))]

    while length < characters:
        clause = ""
        if rng.random() < 0.25:
            clause += pick(_LINK) + "，"
        if rng.random() < 0.5:
            clause += pick(_TIME) + ("，" if rng.random() < 0.3 else "")
        clause += pick(_WHO)
        if rng.random() < 0.6:
            clause += pick(_WHERE)
        if rng.random() < 0.6:
            clause += pick(_HOW)
        clause += pick(_DO) + pick(_WHAT)
        if rng.random() < 0.45:
            clause += "，" + pick(_JUDGE)
        clause += "。！？；。。。"[int(rng.integers(7))]
        pieces.append(clause)
        length += len(clause)
    return "".join(pieces)
