#!/bin/sh
# Packs rlsp and all that tests/bench/gpu.sh needs into one folder, for a machine without a compiler, headers and libraries:
#
#     GLSLC=/usr/bin/glslc sh tests/bench/gpu_pack.sh FOLDER [BUILD-FOLDER]
#     …copy FOLDER.tar.gz there, a third of FOLDER's size, and unpack it: tar -xzf FOLDER.tar.gz…
#     sh FOLDER/tests/bench/gpu.sh --out RESULTS
#
# The programs look for their libraries in FOLDER/lib; glibc, and the Vulkan driver, are that machine's, so build where glibc is
# no newer than there. GLSLC names the shader compiler: kernels of extensions that it does not know are left out (cooperative
# matrices need one of 2024, their second version one of 2025).
set -eu
folder=${1:?usage: gpu_pack.sh FOLDER [BUILD-FOLDER]}
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${2:-$top/build/pack}
tests=$(sed -n 's/^checks="\(.*\)"$/\1/p' "$top/tests/bench/gpu.sh")

generator=
command -v ninja >/dev/null 2>&1 && generator="-G Ninja"
# shellcheck disable=SC2086
cmake -S "$top" -B "$build" $generator -DCMAKE_BUILD_TYPE=Release -DGLSLC="${GLSLC:-glslc}" -DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags \
    -DCMAKE_BUILD_RPATH='$ORIGIN/../../lib' >/dev/null
# shellcheck disable=SC2086
cmake --build "$build" -j "${RLSP_JOBS:-2}" --target rlsp make_model $tests >/dev/null

rm -rf "$folder"
mkdir -p "$folder/build/release" "$folder/lib" "$folder/tests/bench" "$folder/assets/countdown-sft" "$folder/configs"
for program in rlsp make_model $tests; do
    cp "$build/$program" "$folder/build/release/"
    strip "$folder/build/release/$program"
done
cp "$top"/tests/bench/*.sh "$top"/tests/bench/*.py "$folder/tests/bench/"
cp "$top"/configs/*.json "$folder/configs/"
cp "$top/assets/countdown-sft/tokenizer.json" "$top/assets/countdown-sft/tokenizer_config.json" "$folder/assets/countdown-sft/"

# Everything that they load but glibc; and what a vendor's Vulkan driver may ask for, where it lies here.
ldd "$folder"/build/release/* | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u | while read -r library; do
    case $(basename "$library") in
    libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.* | ld-linux*) ;;
    *) cp -L "$library" "$folder/lib/" ;;
    esac
done
for library in libX11.so.6 libXext.so.6 libxcb.so.1 libXau.so.6 libXdmcp.so.6 libGLX.so.0 libGLdispatch.so.0 libEGL.so.1 libbsd.so.0 libmd.so.0; do
    path=$(ldconfig -p 2>/dev/null | awk -v name="$library" '$1 == name { print $NF; exit }')
    [ -z "$path" ] || cp -L "$path" "$folder/lib/"
done
tar -C "$(dirname "$folder")" -czf "$folder.tar.gz" "$(basename "$folder")"
du -sh "$folder" "$folder.tar.gz" >&2
