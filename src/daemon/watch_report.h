#pragma once
#include "observe/watch_report.h"
