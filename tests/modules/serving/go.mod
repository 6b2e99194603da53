module example.com/serving

go 1.21
