// SPDX-License-Identifier: Apache-2.0
// Compiled once for each set of flags; ODR_OBJECT names the function that this object gives.
#include "answers.hpp"

odr_answers ODR_OBJECT() { return compute_answers(); }
