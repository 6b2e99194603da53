module example.com/lonely

go 1.21

require example.invalid/none v1.0.0
