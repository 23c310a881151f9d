FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /sealos-notify .

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /sealos-notify /sealos-notify
USER nonroot
EXPOSE 8080
ENTRYPOINT ["/sealos-notify"]
CMD ["-c", "/config.yaml"]
