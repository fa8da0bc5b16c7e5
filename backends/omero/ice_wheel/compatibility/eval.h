/* CPython 3.11 took eval.h away; what Ice 3.6 wanted from it is in Python.h. */
#include <Python.h>
