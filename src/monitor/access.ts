// Who may ask the monitor's server, decided from a request's head alone. Loopback keeps other machines out and not the
// browser of this one: pages of other origins, and names that are made to lead to 127.0.0.1 (DNS rebinding), are told from
// who is meant by the Host and Origin headers. With a token nobody is let in without.
import { createHash, timingSafeEqual } from 'node:crypto'

export interface RequestHead {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  /** What browsers say of where a request comes from. */
  readonly fetchSite: string | undefined
  readonly authorization: string | undefined
}

export interface Rules {
  /** Undefined on a Unix socket, which no browser reaches. */
  readonly port: number | undefined
  /** SHA-256 of the token. */
  readonly tokenDigest: Uint8Array | undefined
}

export interface Forbidden {
  readonly status: 400 | 401 | 403 | 405
  readonly what: string
}

/** Undefined for who may. */
export function whyNot(head: RequestHead, { port, tokenDigest }: Rules): Forbidden | undefined {
  if (head.method !== 'GET') return { status: 405, what: 'only GET is answered here' }
  if (port !== undefined) {
    const hosts = hostsOf(port)
    if (head.host === undefined) return { status: 400, what: 'a Host header has to say who is meant' }
    if (!hosts.includes(head.host.toLowerCase())) return { status: 403, what: 'this is not the host that is meant' }
    const origins = hosts.map(host => `http://${host}`)
    if (head.origin !== undefined && !origins.includes(head.origin.toLowerCase()))
      return { status: 403, what: 'pages of other origins are not answered' }
    if (head.fetchSite !== undefined && head.fetchSite !== 'same-origin' && head.fetchSite !== 'none')
      return { status: 403, what: 'pages of other origins are not answered' }
  }
  if (tokenDigest !== undefined && !isToken(head.authorization, tokenDigest))
    return { status: 401, what: 'a token is needed: Authorization: Bearer …' }
  return undefined
}

export function hostsOf(port: number): readonly string[] {
  const names = ['127.0.0.1', '[::1]', 'localhost']
  return [...names.map(name => `${name}:${port}`), ...(port === 80 ? names : [])]
}

export function digestOf(token: string): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(token).digest())
}

/** Digests are compared, so that neither length nor content shows in the time that it takes. */
function isToken(authorization: string | undefined, digest: Uint8Array): boolean {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  return timingSafeEqual(digestOf(given ?? ''), digest) && given !== undefined
}
