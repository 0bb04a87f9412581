// Moved: observe/count.h.
#pragma once

#include "observe/count.h"
