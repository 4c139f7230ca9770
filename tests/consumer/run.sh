#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three ways into somebody else's program. Usage: run.sh SOURCE_ROOT WORK_DIR VERSION
set -euo pipefail
source_root=$1 work=$2 version=$3
here=$source_root/tests/consumer
read -ra cxx <<<"${CXX:-c++}"  # CXX may hold a launcher and flags

for tool in meson pkg-config cmake; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done

rm -rf "$work"
mkdir -p "$work"
cd "$work"
prefix=$work/prefix
unset DESTDIR CXXFLAGS CPPFLAGS LDFLAGS

step() { # title, command...
    echo "== $1"
    shift
    "$@" >step.log 2>&1 || { cat step.log; exit 1; }
}
runs() { # program, "" or what may not be linked
    local said
    said=$("$1")
    [ "$said" = "tenon $version works" ] || { echo "$1 said: $said"; exit 1; }
    if command -v ldd >/dev/null && ldd "$1" | grep -i hwy; then
        echo "$1 links Highway, although tenon is headers alone"; exit 1
    fi
}

step "install" meson setup --prefix "$prefix" -Dtests=disabled -Dexamples=disabled -Dbench=disabled build-tenon "$source_root"
step "install" meson install -C build-tenon --no-rebuild
(cd "$source_root/include" && find tenon -name '*.hpp' | LC_ALL=C sort) >expected.txt
(cd "$prefix/include" && find tenon -type f | LC_ALL=C sort) >installed.txt
diff expected.txt installed.txt || { echo "the installed headers are not the headers of the source tree"; exit 1; }

export PKG_CONFIG_PATH=$prefix/share/pkgconfig
[ "$(pkg-config --modversion tenon)" = "$version" ] || { echo "tenon.pc names another version than $version"; exit 1; }
read -ra flags <<<"$(pkg-config --cflags --libs tenon)"
step "plain compiler and pkg-config" "${cxx[@]}" -std=c++20 "$here/main.cpp" "${flags[@]}" -o plain
runs ./plain
unset PKG_CONFIG_PATH

step "CMake, find_package(tenon $version)" cmake -S "$here/cmake" -B build-cmake -DCMAKE_PREFIX_PATH="$prefix" -DCONSUMER_MAIN="$here/main.cpp" -DTENON_WANTED="$version"
step "CMake, build" cmake --build build-cmake
runs build-cmake/consumer

mkdir -p downstream/subprojects
cp "$here/meson/meson.build" "$here/main.cpp" downstream/
ln -s "$source_root" downstream/subprojects/tenon
step "Meson subproject" meson setup --wrap-mode=nodownload build-meson downstream
step "Meson subproject, build" meson compile -C build-meson
runs build-meson/consumer
if find build-meson/subprojects -name 'test_*' | grep .; then
    echo "tenon builds its tests inside somebody else's project"; exit 1
fi
echo "main.cpp builds and runs in all three ways"
