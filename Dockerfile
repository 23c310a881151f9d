# Go builds for the other processor too, so nothing runs in an emulation.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY client/go.mod client/
RUN go mod download
COPY . .
RUN go run ./deploy/licenses /licenses
ARG VERSION=dev TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -tags grpcnotrace -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /sealos-notify .

# The program, the CA certificates for vendors, and the licences of what is in it. It writes
# no file.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /licenses /licenses
COPY --from=build /sealos-notify /sealos-notify
# By number: Kubernetes cannot check that a name is not root.
USER 65532:65532
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=6s --start-period=5m CMD ["/sealos-notify", "healthcheck"]
ENTRYPOINT ["/sealos-notify"]
CMD ["-c", "/config.yaml"]
