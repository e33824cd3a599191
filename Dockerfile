# syntax=docker/dockerfile:1
# gander in an image with nothing else: one static binary, an authority list, an unprivileged user.
#
#   docker build -t gander .
#   docker run --rm -v "$PWD:/work" -u "$(id -u):$(id -g)" gander run profiles/quickstart.toml
#
# Secrets go in by the environment (-e WORKER_SECRET) or as files (${file:/run/secrets/worker}). The passwords of
# accounts are worked out with a key that is kept in the home folder, here that of the mount:
# .local/state/gander/password.key. Keep it as long as the accounts are there, and out of what is committed; or give
# it from outside (-e GANDER_PASSWORD_KEY). Without either it goes with the container, and nobody can sign the
# accounts on again that a run left at a tenant.

FROM rust:1.95-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends binutils ca-certificates cmake musl-tools \
 && rm -rf /var/lib/apt/lists/*
RUN rustup target add x86_64-unknown-linux-musl
WORKDIR /src
COPY . .
RUN ./scripts/package \
 && mkdir -p /root-of-image/tmp /root-of-image/work /root-of-image/etc/ssl/certs \
 && cp target/package/gander-*-linux/gander /root-of-image/gander \
 && cp -r profiles /root-of-image/work/profiles \
 && cp /etc/ssl/certs/ca-certificates.crt /root-of-image/etc/ssl/certs/ \
 && printf 'gander:x:10001:10001::/work:/gander\n' >/root-of-image/etc/passwd \
 && chmod 1777 /root-of-image/tmp && chown -R 10001:10001 /root-of-image/work

FROM scratch
COPY --from=build /root-of-image /
USER 10001:10001
WORKDIR /work
ENV HOME=/work
ENTRYPOINT ["/gander"]
CMD ["--help"]
