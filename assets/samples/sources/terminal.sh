printf '%s\n' '$ ls -1 tide-data' '2023-harbour.csv' '2024-harbour.csv' 'notes.txt' '$ wc -l tide-data/*.csv' \
  ' 8760 tide-data/2023-harbour.csv' ' 8784 tide-data/2024-harbour.csv' '17544 total' \
  '$ python3 peaks.py --above 4.2' 'reading 17544 levels ... done' '31 peaks above 4.20 m, highest 4.87 m' \
  '$ git commit -m "Add the spring tides"' '[main 3f9c2e1] Add the spring tides' ' 1 file changed, 31 insertions(+)'
printf '$ '
sleep 20
