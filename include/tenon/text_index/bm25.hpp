// SPDX-License-Identifier: Apache-2.0
// BM25: how well a text answers a query, from frequencies and lengths alone.
#pragma once

#include "tenon/text_index/analyzer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

/// bm25 - the score of a text is the sum of term_score over the query's distinct terms that it holds.
///
/// Guarantee   never negative, finite; more occurrences score higher, longer texts lower, rarer terms higher. Summed in the
///             order of query_terms the score is the same bits however the postings were spread over sources.
/// Source      Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009. Differs: 1 is added within
///             the logarithm, as Lucene does, so that a term in more than half of the texts never counts against them.
struct bm25 {
    double k1 = 1.2;   ///< how fast repetition stops counting; 0: presence only
    double b  = 0.75;  ///< how much length counts: 0 not at all, 1 fully

    /// The weight of a term that `with` of `texts` texts hold. When the counts were taken at different moments and `with`
    /// is larger, it stands for all.
    static double idf(std::uint64_t texts, std::uint64_t with) noexcept {
        auto const n = static_cast<double>(std::max(texts, with)), d = static_cast<double>(with);
        return std::log1p((n - d + 0.5) / (d + 0.5));
    }
    /// What one term adds: `frequency` times in a text of `length` terms, where texts have `average_length`.
    /// An average of 0 or less counts as the text's own length.
    double term_score(std::uint32_t frequency, std::uint32_t length, double average_length,
                      double idf_of_term) const noexcept {
        auto const   f        = static_cast<double>(frequency);
        double const relative = average_length > 0 ? static_cast<double>(length) / average_length : 1.0;
        double const norm     = f + k1 * (1 - b + b * relative);
        return norm > 0 ? idf_of_term * (f * (k1 + 1)) / norm : 0.0;
    }
};

/// The distinct terms of a query, in the order in which they first stand there.
template <class Analyzer = word_analyzer>
std::vector<std::string> query_terms(std::string_view query) {
    std::vector<std::string> terms;
    Analyzer::analyze(query, [&terms](std::string_view term) {
        if (std::find(terms.begin(), terms.end(), term) == terms.end()) terms.emplace_back(term);
    });
    return terms;
}

}  // namespace tenon
