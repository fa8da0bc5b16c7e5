/*
 * What Ice 3.6 calls and CPython no longer has, by what CPython has instead.
 * Handed to every C++ file by `-include`; C files see nothing of it.
 */
#ifndef OMNIBIS_ICE_REMOVED_FROM_PYTHON_H
#define OMNIBIS_ICE_REMOVED_FROM_PYTHON_H
#ifdef __cplusplus
#include <Python.h>

/*
 * CPython 3.11 hid the members of a thread's state. Ice asks PyThreadState_GET()->frame, once, to tell
 * in which frame Python is: here the macro answers a state of ours, filled by the public call.
 */
struct OmnibisThreadState
{
    PyFrameObject* frame;
};

static inline OmnibisThreadState* omnibis_thread_state()
{
    static thread_local OmnibisThreadState state;
    state.frame = PyEval_GetFrame();
    return &state;
}

#undef PyThreadState_GET
#define PyThreadState_GET() omnibis_thread_state()

#if PY_VERSION_HEX >= 0x030D0000
/* CPython 3.13 dropped two names. The buffer was always given back at once: its owner keeps it alive. */
#define PyEval_CallObject PyObject_CallObject

static inline int PyObject_AsReadBuffer(PyObject* owner, const void** bytes, Py_ssize_t* size)
{
    Py_buffer view;
    if(PyObject_GetBuffer(owner, &view, PyBUF_SIMPLE) != 0)
    {
        return -1;
    }
    *bytes = view.buf;
    *size = view.len;
    PyBuffer_Release(&view);
    return 0;
}
#endif

#endif
#endif
