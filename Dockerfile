# Builds the server and puts it alone into a small image: no shell, no package manager, no root.
# How to run it: docs/deployment.md.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs protocol.md ./
COPY src src
# Named in Cargo.toml; not built.
COPY examples examples
# What `vestibule --version` calls the commit: --build-arg VESTIBULE_COMMIT=$(git rev-parse HEAD).
ARG VESTIBULE_COMMIT
RUN cargo build --release --locked --bin vestibule

# The C library of the same Debian, and nothing else.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/vestibule /usr/local/bin/vestibule
COPY deploy/vestibule.toml /etc/vestibule/vestibule.toml
# In a container the loopback address leads nowhere.
ENV VESTIBULE_LISTEN=0.0.0.0:7000
ENV VESTIBULE_ISSUER__0__SECRET_FILE=/run/secrets/vestibule
USER 65532:65532
EXPOSE 7000
STOPSIGNAL SIGTERM
# No HEALTHCHECK: there is nothing in here to run but the server. Ask /readyz from outside.
ENTRYPOINT ["/usr/local/bin/vestibule"]
CMD ["serve", "--config", "/etc/vestibule/vestibule.toml"]
