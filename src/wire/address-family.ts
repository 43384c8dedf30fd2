// Address families as operating systems number them: some links say with these what a packet is.

/** AF_INET is the same everywhere. */
export const INET = 2

/** AF_INET6: 10 on Linux, 23 on Windows, 24 on NetBSD and OpenBSD, 26 on Solaris, 28 on FreeBSD, 30 on Darwin. */
export function isIpv6Family(family: number): boolean {
  return family === 10 || family === 23 || family === 24 || family === 26 || family === 28 || family === 30
}
