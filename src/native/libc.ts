// The C library's functions that the Linux agent calls, through koffi, with addresses as plain numbers. Each answers
// what C answers, or minus errno: a failure is a value, since on a packet's way EAGAIN is as common as success. Numbers
// and layouts here and beside are Linux's on x86-64 and arm64, which agree wherever this project looks; both are
// little-endian. Works with glibc and musl: names are looked up in the process itself.
import { constants } from 'node:os'
import { foreign } from './foreign.ts'
import { allocateMemory, type Memory } from './memory.ts'

/** Each answers what its manual page says, or minus errno. Addresses are numbers; `fd` is a file descriptor. */
export interface LibC {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: number, length: number): number
  connect(fd: number, address: number, length: number): number
  getsockname(fd: number, address: number, length: number): number
  setsockopt(fd: number, level: number, name: number, value: number, length: number): number
  getsockopt(fd: number, level: number, name: number, value: number, length: number): number
  sendmsg(fd: number, message: number, flags: number): number
  recvmsg(fd: number, message: number, flags: number): number
  sendmmsg(fd: number, messages: number, count: number, flags: number): number
  recvmmsg(fd: number, messages: number, count: number, flags: number, timeout: number): number
  read(fd: number, to: number, length: number): number
  write(fd: number, from: number, length: number): number
  /** `request` is a number above 2^31 at times; `argument` an address or a plain value, as the request has it. */
  ioctl(fd: number, request: number, argument: number): number
  poll(entries: number, count: number, milliseconds: number): number
  /** `time` is the address of a struct timespec. */
  ppoll(entries: number, count: number, time: number, signals: number): number
  open(path: string, flags: number): number
  close(fd: number): number
  eventfd(start: number, flags: number): number
  setns(fd: number, kind: number): number
  /** Of a descriptor from its start, or of nothing with -1. Answers 0: the address is always given (MAP_FIXED). */
  mmap(address: number, length: number, protection: number, flags: number, fd: number): number
  /** Of this thread, for set-up calls: what lies in it lasts until the next call. */
  readonly scratch: Memory
}

export const EINTR = 4
export const EIO = 5
export const EAGAIN = 11
export const EINVAL = 22
export const EMSGSIZE = 90
export const ENOBUFS = 105

const SCRATCH_BYTES = 4096

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    // Two names share a number on Linux; the one that manual pages use wins.
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP')
    .map(([name, number]) => [number, name]),
)

let loaded: LibC | undefined

/** Throws where koffi is not built for this machine, or where it is not Linux. One a thread. */
export function libC(): LibC {
  loaded ??= load()
  return loaded
}

function load(): LibC {
  const koffi = foreign()
  if (process.platform !== 'linux') throw new Error(`this needs Linux, and this machine runs ${process.platform}`)
  if (koffi === undefined) throw new Error(`koffi, which calls C, is not built for ${process.arch} on this system`)
  const library = koffi.load(null)
  const errno = koffi.errno
  const socket = library.func('int socket(int, int, int)')
  const bind = library.func('int bind(int, uintptr_t, uint32)')
  const connect = library.func('int connect(int, uintptr_t, uint32)')
  const getsockname = library.func('int getsockname(int, uintptr_t, uintptr_t)')
  const setsockopt = library.func('int setsockopt(int, int, int, uintptr_t, uint32)')
  const getsockopt = library.func('int getsockopt(int, int, int, uintptr_t, uintptr_t)')
  // What is octets of a length or a count fits in 32 bits here, and a 64-bit integer would cost more on each call.
  const sendmsg = library.func('int sendmsg(int, uintptr_t, int)')
  const recvmsg = library.func('int recvmsg(int, uintptr_t, int)')
  const sendmmsg = library.func('int sendmmsg(int, uintptr_t, uint32, int)')
  const recvmmsg = library.func('int recvmmsg(int, uintptr_t, uint32, int, uintptr_t)')
  const read = library.func('int read(int, uintptr_t, uint32)')
  const write = library.func('int write(int, uintptr_t, uint32)')
  const ioctl = library.func('int ioctl(int, uintptr_t, uintptr_t)')
  const poll = library.func('int poll(uintptr_t, uint32, int)')
  const ppoll = library.func('int ppoll(uintptr_t, uint32, uintptr_t, uintptr_t)')
  const open = library.func('int open(const char *, int)')
  const close = library.func('int close(int)')
  const eventfd = library.func('int eventfd(uint32, int)')
  const setns = library.func('int setns(int, int)')
  const mmap = library.func('int64 mmap(uintptr_t, uint64, int, int, int, int64)')
  // errno must be read before anything else runs.
  const or = (result: number): number => (result === -1 ? -errno() : result)
  return {
    socket: (domain, type, protocol) => or(socket(domain, type, protocol)),
    bind: (fd, address, length) => or(bind(fd, address, length)),
    connect: (fd, address, length) => or(connect(fd, address, length)),
    getsockname: (fd, address, length) => or(getsockname(fd, address, length)),
    setsockopt: (fd, level, name, value, length) => or(setsockopt(fd, level, name, value, length)),
    getsockopt: (fd, level, name, value, length) => or(getsockopt(fd, level, name, value, length)),
    sendmsg: (fd, message, flags) => or(sendmsg(fd, message, flags)),
    recvmsg: (fd, message, flags) => or(recvmsg(fd, message, flags)),
    sendmmsg: (fd, messages, count, flags) => or(sendmmsg(fd, messages, count, flags)),
    recvmmsg: (fd, messages, count, flags, timeout) => or(recvmmsg(fd, messages, count, flags, timeout)),
    read: (fd, to, length) => or(read(fd, to, length)),
    write: (fd, from, length) => or(write(fd, from, length)),
    ioctl: (fd, request, argument) => or(ioctl(fd, request, argument)),
    poll: (entries, count, milliseconds) => or(poll(entries, count, milliseconds)),
    ppoll: (entries, count, time, signals) => or(ppoll(entries, count, time, signals)),
    open: (path, flags) => or(open(path, flags)),
    close: fd => or(close(fd)),
    eventfd: (start, flags) => or(eventfd(start, flags)),
    setns: (fd, kind) => or(setns(fd, kind)),
    mmap: (address, length, protection, flags, fd) =>
      Number(mmap(address, length, protection, flags, fd, 0)) === -1 ? -errno() : 0,
    scratch: allocateMemory(SCRATCH_BYTES),
  }
}

/** `EAGAIN` for -11: the name of what a call answered; empty for a success. */
export function errorName(result: number): string {
  return result >= 0 ? '' : (names.get(-result) ?? `errno ${-result}`)
}

/** What a call of the operating system said no to, the cause of the Error that tells it. */
export interface FailedCall {
  readonly call: string
  /** As errno.h has it. */
  readonly name: string
  readonly errno: number
}

/** An Error that says what was tried, with the call and errno's name in it and as its cause. */
export function systemError(result: number, call: string, doing: string): Error {
  const name = errorName(result)
  const cause: FailedCall = { call, name, errno: -result }
  return new Error(`${doing}: ${call} answers ${name}`, { cause })
}

/** The FailedCall behind an Error, where it is one of ours. */
export function failedCall(error: unknown): FailedCall | undefined {
  if (!(error instanceof Error)) return undefined
  const cause = error.cause as Partial<FailedCall> | undefined
  return typeof cause?.call === 'string' && typeof cause.name === 'string' ? (cause as FailedCall) : undefined
}

/** For set-up calls: the result, or an Error. */
export function check(result: number, call: string, doing: string): number {
  if (result < 0) throw systemError(result, call, doing)
  return result
}
