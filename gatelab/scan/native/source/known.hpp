// The cells that are compiled with the library. The code of `equations/` is made of their equations.
#pragma once

#include "engine.h"
#include "precision.hpp"

namespace gatelab {

// NULL where there are fewer.
const char *digest_of_known(int32_t number);

template <class P>
const GatelabCode *known(int32_t number);

}  // namespace gatelab
