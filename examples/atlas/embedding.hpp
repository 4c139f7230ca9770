// SPDX-License-Identifier: Apache-2.0
// A name as 64 numbers: names that share pieces of letters lie near each other, so nearest-vector search forgives typos.
#pragma once

#include "place.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/utf8.hpp"
#include "tenon/text_index/fold.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace atlas {

/// The embedding of a name, of unit length.
///
/// The folded name (no case, no accents; what is neither letter nor digit becomes one space) is cut into all pieces of 1 to 4
/// characters, its beginning and end marked; each piece adds its weight or takes it away at one of 64 places, both chosen by its
/// hash. Short pieces survive a typo, long ones tell names apart. A name without letters and digits is the name of the two
/// marks alone. No model, no state.
inline look_vector embed_name(std::string_view name) {
    auto const folded = tenon::fold(name);

    std::string              text;      // one mark, the words joined by single spaces, one mark
    std::vector<std::size_t> start{0};  // where each character begins
    text += '\x02';
    bool gap = false;
    for (std::size_t at = 0; at < folded.size();) {
        auto const step = tenon::utf8_at(folded, at);
        auto const c    = step.code_point;
        bool const word = (c >= U'a' && c <= U'z') || (c >= U'0' && c <= U'9') ||
                          (c >= 0x80 && !(c >= 0x2000 && c <= 0x206F) && c != 0x3000 && c != 0xA0);
        if (word) {
            if (gap && text.size() > 1) {
                start.push_back(text.size());
                text += ' ';
            }
            start.push_back(text.size());
            text.append(folded, at, step.bytes);
        }
        gap = !word;
        at += step.bytes;
    }
    start.push_back(text.size());
    text += '\x03';
    start.push_back(text.size());

    look_vector     v{};
    auto const      characters = start.size() - 1;
    constexpr float weight[]   = {0, 0.7f, 1, 0.6f, 0.3f};
    for (std::size_t n = 1; n <= 4; ++n) {
        for (std::size_t i = 0; i + n <= characters; ++i) {
            auto const h =
                tenon::hash_bytes(tenon::as_bytes(std::string_view(text).substr(start[i], start[i + n] - start[i])));
            v[h % look_size] += (h >> 63) != 0 ? weight[n] : -weight[n];
        }
    }
    float squares = 0;
    for (float x : v) squares += x * x;
    if (squares > 0) {
        for (float& x : v) x /= std::sqrt(squares);
    } else {
        v[0] = 1;
    }
    return v;
}

}  // namespace atlas
