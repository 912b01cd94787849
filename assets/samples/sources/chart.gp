set terminal pngcairo size 640,440 font "Liberation Sans,15"
set title "Honey harvest by village"
set xlabel "Village"
set ylabel "Jars"
set style data histograms
set style fill solid 0.85 border -1
set boxwidth 0.7 relative
set yrange [0:200]
set grid ytics
unset key
$harvest << END
Ashford 142
Brill 87
Calder 165
Dunmore 58
END
plot $harvest using 2:xtic(1) linecolor rgb "#c8902c", "" using 0:2:2 with labels offset 0,0.8 notitle
