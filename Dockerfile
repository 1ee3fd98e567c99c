# syntax=docker/dockerfile:1
# `cargo xtask image operator` replaces the first stage by a binary that it builds on the spot, and needs no registry.

FROM docker.io/library/rust:1.95.0-slim-bookworm AS build
WORKDIR /source
COPY . .
# Static, because the image below has no libraries. The C library comes with the target: no other packages are needed.
RUN target="$(uname -m)-unknown-linux-gnu" \
    && RUSTFLAGS="-C target-feature=+crt-static" \
       cargo build --release --locked --bin beam-operator --target "$target" \
    && cp "target/$target/release/beam-operator" /beam-operator

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title="beam-operator" \
      org.opencontainers.image.description="Runs Elixir and Erlang releases on Kubernetes as BEAM clusters" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /beam-operator /beam-operator
# Numeric, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/beam-operator"]
CMD ["run"]
