// SPDX-License-Identifier: Apache-2.0
// An index kind of your own: rows by an equal country code, through a hash table. You write a delta, which takes rows as
// they are committed, and a run part, which is flat bytes; transactions, snapshots, recovery, merges and verification
// are then the engine's work.
//
//     own_index_kind [FILE]      run it again: it finds what is there
#include "tenon/core/append_vector.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/database.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct hashed_kind {
    using value_type = std::string;

    /// Part of the file's signature: another number when the bytes below change.
    static std::string   describe() { return "hashed/1"; }
    static std::uint64_t weight(std::string const&) { return 0; }  // nothing to sum up for scores

    /// What the index cannot hold is refused before anything is stored.
    static tenon::result<void> check(std::string const& code) {
        if (code.size() <= longest) return {};
        return tenon::fail(tenon::errc::invalid_argument,
                           "\"" + code + "\" is no country code: at most 7 bytes are expected");
    }

    /// Beside the memtable: chains that grow at the head, for one writer and any number of readers without locks.
    class delta {
    public:
        void insert(std::string const& code, tenon::byte_view /*key*/, tenon::position at) {
            auto const packed = pack(code);
            auto&      head   = heads_[tenon::hash_u64(packed) % heads_.size()];
            head.store(&nodes_.emplace_back(packed, at, head.load(std::memory_order_relaxed)),
                       std::memory_order_release);
        }
        template <class Visit>
        void query(std::string_view code, Visit visit) const {
            if (code.size() > longest) return;
            auto const packed = pack(code);
            for (auto const* n   = heads_[tenon::hash_u64(packed) % heads_.size()].load(std::memory_order_acquire);
                 n != nullptr; n = n->next)
                if (n->code == packed && !visit(n->at)) return;
        }

    private:
        struct node {
            std::uint64_t   code;
            tenon::position at;
            node const*     next;
            node(std::uint64_t c, tenon::position a, node const* n) : code(c), at(a), next(n) {}
        };
        tenon::append_vector<node>                nodes_;  // nodes never move
        std::array<std::atomic<node const*>, 256> heads_{};
    };

    /// On disk: entries and buckets as u64; where each bucket begins, and where the last one ends; entries by bucket.
    struct entry {
        std::uint64_t   code;
        tenon::position at;
    };

    class builder {
    public:
        void add(std::string const& code, tenon::byte_view /*key*/, tenon::position at) {
            entries_.push_back({pack(code), at});
        }
        tenon::result<tenon::byte_vector> finish() {
            std::uint64_t const buckets = std::bit_ceil(entries_.size() / 4 + 1);
            auto const          bucket  = [&](entry const& e) { return tenon::hash_u64(e.code) & (buckets - 1); };
            std::sort(entries_.begin(), entries_.end(), [&](entry const& a, entry const& b) {
                return bucket(a) != bucket(b) ? bucket(a) < bucket(b) : a.at < b.at;
            });
            std::vector<std::uint64_t> begins(buckets + 1);
            for (auto const& e : entries_) ++begins[bucket(e) + 1];
            for (std::size_t b = 0; b < buckets; ++b) begins[b + 1] += begins[b];
            tenon::byte_vector out;
            tenon::put(out, std::uint64_t{entries_.size()});
            tenon::put(out, buckets);
            tenon::put_bytes(out, std::as_bytes(std::span(begins)));
            tenon::put_bytes(out, std::as_bytes(std::span(entries_)));
            return out;
        }

    private:
        std::vector<entry> entries_;
    };

    /// Those bytes, used where they lie. They are untrusted: open() checks bounds, query() clamps, validate() reads all.
    class part {
    public:
        static tenon::result<part> open(tenon::byte_view bytes) {
            tenon::byte_reader in(bytes);
            part               out;
            auto const         entries = in.get<std::uint64_t>();
            auto const         buckets = in.get<std::uint64_t>();
            if (!std::has_single_bit(buckets) || !tenon::view_array(bytes, 16, buckets + 1, out.begins_) ||
                !tenon::view_array(bytes, 16 + (buckets + 1) * 8, entries, out.entries_))
                return tenon::fail(tenon::errc::corrupt, "hashed part: its tables leave its bytes");
            return out;
        }
        template <class Visit>
        void query(std::string_view code, Visit visit) const {
            if (code.size() > longest) return;
            auto const packed = pack(code);
            auto const b      = tenon::hash_u64(packed) & (begins_.size() - 2);
            for (auto i = begins_[b]; i < std::min<std::uint64_t>(begins_[b + 1], entries_.size()); ++i)
                if (entries_[i].code == packed && !visit(entries_[i].at)) return;
        }
        std::uint64_t       size() const { return entries_.size(); }
        tenon::result<void> validate() const {
            bool sound = begins_.front() == 0 && begins_.back() == size();
            for (std::size_t b = 0; sound && b + 1 < begins_.size(); ++b) {
                sound = begins_[b] <= begins_[b + 1] && begins_[b + 1] <= size();
                for (auto i = begins_[b]; sound && i < begins_[b + 1]; ++i)
                    sound = (tenon::hash_u64(entries_[i].code) & (begins_.size() - 2)) == b;
            }
            if (sound) return {};
            return tenon::fail(tenon::errc::corrupt, "hashed part: an entry lies in a bucket that is not its own");
        }

    private:
        std::span<std::uint64_t const> begins_;  // buckets + 1
        std::span<entry const>         entries_;
    };

private:
    static constexpr std::size_t longest = 7;
    /// A code in eight bytes, its length in the last; different codes stay different.
    static std::uint64_t pack(std::string_view code) {
        std::uint64_t out = std::uint64_t{code.size()} << 56;
        std::memcpy(&out, code.data(), code.size());
        return out;
    }
};
static_assert(tenon::index_kind<hashed_kind>);

struct place {
    std::uint64_t id = 0;
    std::string   name, country;
};
struct places_db
    : tenon::database<tenon::table<"places", place, tenon::columns<&place::id, &place::name, &place::country>,
                                   tenon::primary<&place::id>, tenon::index<&place::country, hashed_kind>>> {
    using database::database;
};

/// Prints the places of a country and says how many they are.
std::size_t show(places_db const& db, char const* when, std::string const& country) {
    auto hits = db.snapshot().query<&place::country>(country);
    std::printf("%-20s %s:", when, country.c_str());
    for (auto const& hit : hits) std::printf(" %s", hit.row.name.c_str());
    std::printf("\n");
    return hits.size();
}

tenon::result<bool> run(std::string const& path) {
    bool as_expected = true;
    {
        auto db = tenon::open<places_db>(path);
        if (!db) return tenon::fail(db.error());
        auto tx = db->begin();
        for (place const& p :
             {place{1, "Lyon", "FR"}, {2, "Porto", "PT"}, {3, "Nice", "FR"}, {4, "Lima", "PE"}, {5, "Paris", "FR"}})
            if (auto done = tx.upsert(p); !done) return tenon::fail(done.error());
        if (auto done = tx.commit(); !done) return tenon::fail(done.error());
        as_expected &= show(*db, "from the delta", "FR") == 3;

        if (auto done = db->flush(); !done) return tenon::fail(done.error());
        as_expected &= show(*db, "from the run", "FR") == 3;

        auto more = db->begin();
        auto back = more.save();
        if (auto done = more.insert(place{9, "Nowhere", "far too long"}); !done)
            std::printf("refused: %s\n", done.error().message.c_str());
        else as_expected = false;
        more.rollback_to(back);
        if (auto done = more.erase<place>(std::uint64_t{3}); !done) return tenon::fail(done.error());
        if (auto done = more.upsert(place{4, "Lille", "FR"}); !done)
            return tenon::fail(done.error());  // its entry under PE is hidden
        if (auto done = more.commit(); !done) return tenon::fail(done.error());
        as_expected &= show(*db, "from both", "FR") == 3 && show(*db, "from both", "PE") == 0;
    }
    auto db = tenon::open<places_db>(path);
    if (!db) return tenon::fail(db.error());
    as_expected &= show(*db, "after opening again", "FR") == 3;
    if (auto done = db->compact(); !done) return tenon::fail(done.error());
    as_expected &= show(*db, "from one run", "FR") == 3 && show(*db, "from one run", "XX") == 0;
    auto checked = db->verify();
    if (!checked) return tenon::fail(checked.error());
    std::printf("verified: %llu rows, %llu index entries\n", static_cast<unsigned long long>(checked->rows),
                static_cast<unsigned long long>(checked->index_entries));
    return as_expected && checked->rows == 4 && checked->index_entries == 4;
}

int main(int argc, char** argv) {
    auto done = run(argc > 1 ? argv[1] : "own_index_kind.tenon");
    if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
    return done && *done ? 0 : 1;
}
