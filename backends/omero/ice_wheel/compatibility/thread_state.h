/*
 * Ice 3.6 asks PyThreadState_GET()->frame, once, to tell in which frame Python is. CPython 3.11 hid
 * that member. Here the macro answers a state of ours with such a member, filled by the public call.
 * Handed to every C++ file by `-include`; C files see nothing of it.
 */
#ifndef OMNIBIS_ICE_THREAD_STATE_H
#define OMNIBIS_ICE_THREAD_STATE_H
#ifdef __cplusplus
#include <Python.h>

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
#endif
#endif
