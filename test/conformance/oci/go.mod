module cistern/conformance

go 1.20

require github.com/opencontainers/distribution-spec/conformance v0.0.0-20231101194043-f2182352d4cc
