module example.com/mono/services/api

go 1.21
