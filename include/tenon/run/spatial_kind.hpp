// SPDX-License-Identifier: Apache-2.0
// The spatial index kind: rows by a point on the globe.
#pragma once

#include "tenon/run/index_kind.hpp"
#include "tenon/spatial_index/concept.hpp"

namespace tenon {

/// spatial_kind - any spatial_index policy as an index kind over a lonlat member.
template <spatial_index Spatial>
struct spatial_kind {
    using value_type = lonlat;
    static std::string   describe() { return "spatial " + std::string(Spatial::name); }
    static std::uint64_t weight(lonlat) noexcept { return 0; }
    static result<void>  check(lonlat p) {
        if (is_valid(p)) return {};
        return fail(errc::invalid_argument, {"longitude ", p.lon, ", latitude ", p.lat,
                                              " is not a place: degrees in [-180, 180] and [-90, 90] are expected"});
    }

    struct delta : Spatial::delta {
        void insert(lonlat p, byte_view, position at) { Spatial::delta::insert(p, at); }
    };
    class builder {
    public:
        void                add(lonlat p, byte_view, position at) { entries_.push_back({p, at}); }
        result<byte_vector> finish() { return Spatial::build(entries_); }

    private:
        std::vector<point_entry> entries_;
    };
    using part = typename Spatial::view;
};

}  // namespace tenon
