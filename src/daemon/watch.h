#pragma once
#include "observe/watch.h"
