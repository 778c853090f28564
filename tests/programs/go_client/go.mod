module client

go 1.16
