module tar-entries

go 1.24
