// Stands before src/base/error.h for cppcheck alone (scripts/lint.sh), whose parser gives up a file
// at a statement expression.
#pragma once

#include "../../../../src/base/error.h"

#undef TRY
#define TRY(expression) (expression).value()
