#!/usr/bin/env bash
# Builds the addon for other platforms:
#
#   scripts/build-addons.sh TARGET...        every TARGET a Rust triple of package.json's napi.targets
#   scripts/build-addons.sh linux            all four Linux targets
#
# writes target/addons/firstspike.<platform>.node. Linux targets are linked by zig, against glibc 2.17 or musl, on any Linux
# machine with Python: zig and cargo-zigbuild come from PyPI. The others are built on their own system.
set -euo pipefail
cd "$(dirname "$0")/.."

linux=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-musl)
glibc=2.17 # Node 20 itself needs 2.28, its unofficial builds for old systems 2.17
zig=0.14.1
zigbuild=0.23.4

[ $# -gt 0 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"; exit 2; }
targets=("$@")
[ "$1" != linux ] || targets=("${linux[@]}")

target_dir=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p target/addons

for target in "${targets[@]}"; do
  case $target in
    x86_64-unknown-linux-gnu) platform=linux-x64-gnu library=libfirstspike_node.so ;;
    aarch64-unknown-linux-gnu) platform=linux-arm64-gnu library=libfirstspike_node.so ;;
    x86_64-unknown-linux-musl) platform=linux-x64-musl library=libfirstspike_node.so ;;
    aarch64-unknown-linux-musl) platform=linux-arm64-musl library=libfirstspike_node.so ;;
    x86_64-apple-darwin) platform=darwin-x64 library=libfirstspike_node.dylib ;;
    aarch64-apple-darwin) platform=darwin-arm64 library=libfirstspike_node.dylib ;;
    x86_64-pc-windows-msvc) platform=win32-x64-msvc library=firstspike_node.dll ;;
    aarch64-pc-windows-msvc) platform=win32-arm64-msvc library=firstspike_node.dll ;;
    *) echo "unknown target $target" >&2; exit 2 ;;
  esac

  command -v rustup >/dev/null && rustup target add "$target"
  build=(cargo build)
  versioned=$target
  if [[ $target == *-linux-* ]]; then
    venv=$target_dir/zig-$zig-$zigbuild
    [ -x "$venv/bin/cargo-zigbuild" ] || {
      python3 -m venv "$venv"
      "$venv/bin/pip" install --quiet "ziglang==$zig" "cargo-zigbuild==$zigbuild"
    }
    # cargo-zigbuild finds zig as the module `ziglang` of the python3 on the path.
    export PATH="$venv/bin:$PATH"
    build=(cargo zigbuild)
    [[ $target != *-gnu ]] || versioned=$target.$glibc
  fi
  "${build[@]}" --release --locked --package firstspike-node --target "$versioned"
  cp "$target_dir/$target/release/$library" "target/addons/firstspike.$platform.node"
  ls -l "target/addons/firstspike.$platform.node"
done
