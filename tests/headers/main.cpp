// SPDX-License-Identifier: Apache-2.0
// Linked with one object per header: a function that a header forgot to make inline is defined twice here.
#include <cstdio>

int main() {
    std::printf("%d headers compile alone and included twice, and link together\n", TENON_HEADERS);
    return TENON_HEADERS > 0 ? 0 : 1;
}
