module example.com/fetched

go 1.21

require example.com/tiny v1.0.0
