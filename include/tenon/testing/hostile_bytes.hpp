// SPDX-License-Identifier: Apache-2.0
// Damaged copies of good bytes, on memory where a sanitizer sees the first byte read beyond them.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/prng.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <new>

namespace tenon::testing {

/// A copy at a multiple of 64, as extents are, with nothing of its own behind the last byte.
class aligned_copy {
public:
    explicit aligned_copy(byte_view from)
        : size_(from.size()),
          data_(static_cast<std::byte*>(::operator new(std::max<std::size_t>(size_, 1), std::align_val_t{64}))) {
        if (size_ != 0) std::memcpy(data_, from.data(), size_);
    }
    aligned_copy(aligned_copy const&)            = delete;
    aligned_copy& operator=(aligned_copy const&) = delete;
    ~aligned_copy() { ::operator delete(data_, std::align_val_t{64}); }

    byte_view  view() const noexcept { return {data_, size_}; }
    std::byte* data() noexcept { return data_; }

private:
    std::size_t size_;
    std::byte*  data_;
};

/// Hands `use(byte_view)` `rounds` damaged copies: flipped bits, bytes and words overwritten (with small, huge and random
/// values, often within the header), parts swapped, ends cut off or added, and nothing but noise.
template <class Use>
void each_hostile(byte_view good, prng& random, std::size_t rounds, Use&& use) {
    for (std::size_t round = 0; round < rounds; ++round) {
        byte_vector bytes(good.begin(), good.end());
        auto const  place = [&](std::size_t width) -> std::size_t {
            if (bytes.size() < width) return 0;
            auto const room = bytes.size() - width + 1;
            return static_cast<std::size_t>(random.below(random.chance(0.5) ? std::min<std::size_t>(room, 192) : room));
        };
        for (auto changes = 1 + random.below(4); changes != 0 && !bytes.empty(); --changes) {
            switch (random.below(7)) {
                case 0: bytes[place(1)] ^= static_cast<std::byte>(1U << random.below(8)); break;
                case 1: bytes[place(1)] = static_cast<std::byte>(random.below(256)); break;
                case 2: {
                    std::uint64_t const words[] = {0,
                                                   1,
                                                   ~std::uint64_t{0},
                                                   std::uint64_t{1} << 63,
                                                   0x7FF8000000000000,
                                                   0x7FF0000000000000,
                                                   bytes.size(),
                                                   random.below(bytes.size() + 1),
                                                   random()};
                    if (auto const word = words[random.below(std::size(words))]; bytes.size() >= 8)
                        std::memcpy(&bytes[place(8) / 8 * 8], &word, 8);
                    break;
                }
                case 3: bytes.resize(static_cast<std::size_t>(random.below(bytes.size() + 1))); break;
                case 4:
                    bytes.resize(bytes.size() + random.below(200), static_cast<std::byte>(random.below(256)));
                    break;
                case 5:
                    if (bytes.size() >= 16) {
                        auto const a = place(16), b = place(16);
                        std::rotate(bytes.begin() + static_cast<std::ptrdiff_t>(std::min(a, b)),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(std::max(a, b)),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(std::max(a, b) + 16));
                    }
                    break;
                default:
                    if (random.chance(0.1))
                        for (auto& b : bytes) b = static_cast<std::byte>(random.below(256));
                    break;
            }
        }
        aligned_copy const copy(bytes);
        use(copy.view());
    }
}

}  // namespace tenon::testing
