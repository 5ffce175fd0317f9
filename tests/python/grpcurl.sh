#!/bin/sh
# Drives a server with the unchanged grpcurl, by reflection unless told otherwise. Needs SLUICEGATE_GRPCURL.
#
#   tests/python/grpcurl.sh [--protos] URL list                  services, a line each
#   tests/python/grpcurl.sh [--protos] URL describe [SYMBOL]     what is served, as protobuf text
#   tests/python/grpcurl.sh [--protos] URL iris MODEL            ModelInfer with one flower, typed; the answer as JSON
#   tests/python/grpcurl.sh [--protos] URL call METHOD [JSON]    METHOD as in inference.GRPCInferenceService/ModelReady
#   tests/python/grpcurl.sh [--protos] URL stream METHOD         the same, with requests from standard input
#
# URL is host:port. --protos takes the repository's proto/ in place of reflection, for servers that have none. More
# flags, such as `-H name:value`, go into GRPCURL_FLAGS, cut at spaces. Exits as grpcurl does: 0, or 64 and the status'
# number when the server refused.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
grpcurl=${SLUICEGATE_GRPCURL:?is the path of grpcurl; cargo xtask env tells it}

protos() {
    for file in grpc_service.proto grpc/health/v1/health.proto; do
        printf -- '-proto %s ' "$file"
    done
}

flags="-plaintext -max-time 60 ${GRPCURL_FLAGS:-}"
if [ "${1:-}" = --protos ]; then
    shift
    # Relative to the folder of the protos, so that a path with spaces does not matter.
    cd "$root/proto"
    flags="$flags -import-path . $(protos)"
fi
url=${1:?URL is missing} what=${2:?command is missing}
shift 2
# shellcheck disable=SC2086 # the flags are words
case $what in
    list) exec "$grpcurl" $flags "$url" list ;;
    describe) exec "$grpcurl" $flags "$url" describe "$@" ;;
    iris)
        exec "$grpcurl" $flags -d '{"model_name":"'"${1:?MODEL is missing}"'","id":"curl","inputs":[{"name":"features",
            "datatype":"FP32","shape":[1,4],"contents":{"fp32_contents":[5.1,3.5,1.4,0.2]}}]}' \
            "$url" inference.GRPCInferenceService/ModelInfer ;;
    call) exec "$grpcurl" $flags -d "${2:-{\}}" "$url" "${1:?METHOD is missing}" ;;
    stream) exec "$grpcurl" $flags -d @ "$url" "${1:?METHOD is missing}" ;;
    *)
        echo "there is no command $what" >&2
        exit 2 ;;
esac
