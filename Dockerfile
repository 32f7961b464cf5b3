# One image per binary: docker build --target tasks -t mc-tasks .
# Binaries are built here, or taken from a folder of the context: --build-arg BINARIES=prebuilt (put them into docker/prebuilt).
ARG BASE=debian:bookworm-slim
ARG RUST=rust:1.95-bookworm
ARG BINARIES=build

FROM ${RUST} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bins \
  && mkdir /out \
  && cd target/release \
  && cp mc-identity mc-registry mc-llm mc-tasks mc-gateway mission-control /etc/ssl/certs/ca-certificates.crt /out/

FROM scratch AS prebuilt
COPY docker/prebuilt/ /out/

FROM ${BINARIES} AS binaries

# No package manager runs here and nobody is root. The shell of the base image serves health checks.
FROM ${BASE} AS runtime
COPY --from=binaries /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV MC_LOG_FORMAT=json SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532

FROM runtime AS identity
COPY --from=binaries /out/mc-identity /usr/local/bin/
ENTRYPOINT ["mc-identity"]

FROM runtime AS registry
COPY --from=binaries /out/mc-registry /usr/local/bin/
ENTRYPOINT ["mc-registry"]

FROM runtime AS llm
COPY --from=binaries /out/mc-llm /usr/local/bin/
ENTRYPOINT ["mc-llm"]

FROM runtime AS tasks
COPY --from=binaries /out/mc-tasks /usr/local/bin/
ENTRYPOINT ["mc-tasks"]

FROM runtime AS gateway
COPY --from=binaries /out/mc-gateway /usr/local/bin/
ENTRYPOINT ["mc-gateway"]

# What an operator runs once: keys, migrations, the first account, the demo.
FROM runtime AS operator
COPY --from=binaries /out/mission-control /usr/local/bin/
ENTRYPOINT ["mission-control"]
