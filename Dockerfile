# Cistern as a container: no root, and nothing written outside of /var/lib/cistern, so that this works:
#   docker run --read-only -v cistern:/var/lib/cistern -p 5000:5000 -p 127.0.0.1:5080:5080 cistern
# Mount a configuration over /etc/cistern/cistern.yaml to change more than the environment below says, which goes before it.
ARG NODE_IMAGE=docker.io/library/node:22-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --include=dev --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && DESTDIR=/image scripts/install \
 && install -d -o 1000 -g 1000 -m 0750 /image/var/lib/cistern

FROM ${NODE_IMAGE}
COPY --from=build /image /
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=16 \
    CISTERN_CONFIG=/etc/cistern/cistern.yaml \
    CISTERN_DATA_DIR=/var/lib/cistern \
    CISTERN_REGISTRY__LISTEN=0.0.0.0:5000 \
    CISTERN_ADMIN__LISTEN=0.0.0.0:5080
# By number, so that runAsNonRoot of Kubernetes can see that it is not root.
USER 1000:1000
WORKDIR /var/lib/cistern
VOLUME /var/lib/cistern
# Clients pull from 5000; 5080 has health and metrics without a login, and the status page: publish it to this machine only. The
# control plane is on the container's own loopback: `docker exec CONTAINER cistern df`.
EXPOSE 5000 5080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["cistern", "health"]
ENTRYPOINT ["cistern"]
CMD ["serve"]
# After all that takes long to make. What a build does not tell is empty, or as old as can be:
#   docker build --build-arg SOURCE=URL --build-arg REVISION=$(git rev-parse HEAD) --build-arg CREATED=$(date -u +%FT%TZ) …
ARG VERSION=0.1.0
ARG SOURCE=""
ARG REVISION=""
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Cistern" \
      org.opencontainers.image.description="A pull-through cache for container registries" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.licenses="Apache-2.0"
