#pragma once
#include <string>

#include "limbic/config/config.h"

// Reading, writing and describing a large configuration costs 10 to 30 s of compile time in every translation
// unit that does it. A room therefore compiles its own once: LIMBIC_CONFIG_INSTANCES(extern, T) behind T's
// definition, LIMBIC_CONFIG_INSTANCES(, T) in the source beside it; both at global scope.
#define LIMBIC_CONFIG_INSTANCES(external, T)                                                         \
  namespace limbic::config::detail {                                                                 \
  external template Node write<T>(T&);                                                               \
  external template Type describe_type<T>(T&, int);                                                  \
  external template void bind<T>(const Node&, T&);                                                   \
  external template void validate<T>(T&, const Node&, const std::string&, const Location&, Report&); \
  }
