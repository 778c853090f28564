module library

go 1.16
