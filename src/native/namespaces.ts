// Network namespaces, which belong to threads: setns(2) moves the calling thread alone, and a socket stays in the
// namespace that it was opened in. What that means in Node, each tried in namespaces.test.ts:
//  - a worker that enters first thing has all its sockets there, node:net's too: their loop is the worker's thread;
//  - `insideNamespace` runs a function there and comes back, so sockets of several namespaces can live in one thread;
//    what the function starts must be opened before it returns, which node:net does not do;
//  - node:child_process starts the child in the namespace of the calling thread;
//  - what runs in libuv's threads stays where the process began: name look-ups, and node:fs unless its name ends in Sync.
// /sys stays that of the namespace that mounted it, so links are asked for by netlink.
import { closeSync, openSync, readlinkSync } from 'node:fs'
import { check, libC } from './libc.ts'

const CLONE_NEWNET = 0x40000000
const OWN = '/proc/thread-self/ns/net'
/** Where ip-netns(8) keeps them. */
const NAMED = '/run/netns'

/** Tells namespaces apart: `net:[4026531840]`. */
export function currentNamespace(): string {
  return readlinkSync(OWN)
}

/** Moves this thread into a namespace of ip-netns(8) for good. Needs CAP_SYS_ADMIN. */
export function enterNamespace(name: string): void {
  if (!/^[^/\s]+$/.test(name) || name.startsWith('.')) throw new RangeError(`${name} is no name of a namespace`)
  enter(`${NAMED}/${name}`, `entering the network namespace ${name}`)
}

/** Runs `run` in that namespace, and brings this thread back whatever happens. `run` must be done when it returns. */
export function insideNamespace<T>(name: string, run: () => T): T {
  const back = openSync(OWN, 'r')
  try {
    enterNamespace(name)
    return run()
  } finally {
    const result = libC().setns(back, CLONE_NEWNET)
    closeSync(back)
    check(result, 'setns', 'coming back from a network namespace')
  }
}

function enter(path: string, doing: string): void {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    throw new Error(doing, { cause: error })
  }
  const result = libC().setns(fd, CLONE_NEWNET)
  closeSync(fd)
  check(result, 'setns', doing)
}
