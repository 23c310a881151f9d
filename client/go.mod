module github.com/labring/sealos-notify/client

go 1.26.0
