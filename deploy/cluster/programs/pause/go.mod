module tool/pause

go 1.26.8
