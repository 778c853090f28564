module stress

go 1.16
