#pragma once
#include "observe/clock.h"
