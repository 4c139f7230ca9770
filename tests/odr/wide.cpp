// SPDX-License-Identifier: Apache-2.0
#include "answers.hpp"

odr_answers wide_answers() { return compute_answers(); }
