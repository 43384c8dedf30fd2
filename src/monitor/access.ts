// Who may ask the monitor's server, decided from a request's head alone. Loopback keeps other machines out and not the
// browser of this one: pages of other origins, and names that are made to lead to 127.0.0.1 (DNS rebinding), are told from
// who is meant by the Host and Origin headers. With a token nobody is told anything of the host without.
import { createHash, timingSafeEqual } from 'node:crypto'

export interface RequestHead {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  /** What browsers say of where a request comes from. */
  readonly fetchSite: string | undefined
  /** And of what it is for. */
  readonly fetchDest: string | undefined
  readonly authorization: string | undefined
  readonly contentType: string | undefined
}

export interface Rules {
  /** Undefined on a Unix socket, which no browser reaches. */
  readonly port: number | undefined
  /** SHA-256 of the token. */
  readonly tokenDigest: Uint8Array | undefined
}

export type Method = 'GET' | 'POST'

/** What there is at the path that is asked for. */
export interface Wanted {
  readonly methods: readonly Method[]
  /** It holds nothing of the host: the files of the page, which come before anybody could show a token. */
  readonly isOpen: boolean
}

export interface Forbidden {
  readonly status: 400 | 401 | 403 | 405 | 415
  readonly what: string
}

/** Undefined for who may. */
export function whyNot(head: RequestHead, wanted: Wanted, { port, tokenDigest }: Rules): Forbidden | undefined {
  const { method, contentType } = head
  if (!wanted.methods.some(one => one === method))
    return { status: 405, what: `only ${wanted.methods.join(' and ')} is answered here` }
  const stranger = port === undefined ? undefined : whyStranger(head, wanted, port)
  if (stranger !== undefined) return stranger
  if (!wanted.isOpen && tokenDigest !== undefined && !isToken(head.authorization, tokenDigest))
    return { status: 401, what: 'a token is needed: Authorization: Bearer …' }
  // No form can send this, so no page of another origin can without being asked about first (CORS).
  if (method === 'POST' && !/^application\/json(\s*;\s*charset=utf-8)?$/i.test(contentType ?? ''))
    return { status: 415, what: 'changes are sent as application/json' }
  return undefined
}

const otherOrigin: Forbidden = { status: 403, what: 'pages of other origins are not answered' }

function whyStranger({ method, host, origin, fetchSite, fetchDest }: RequestHead, { isOpen }: Wanted, port: number) {
  const hosts = hostsOf(port)
  if (host === undefined) return { status: 400, what: 'a Host header has to say who is meant' } as const
  if (!hosts.includes(host.toLowerCase())) return { status: 403, what: 'this is not the host that is meant' } as const
  const origins = hosts.map(name => `http://${name}`)
  if (origin !== undefined && !origins.includes(origin.toLowerCase())) return otherOrigin
  // Browsers send it with every change; what sends none is not the page.
  if (method === 'POST' && origin === undefined) return { ...otherOrigin, what: 'a change needs an Origin header' }
  // A link to the page may stand anywhere: what it opens is a window of its own, which the other page does not see into.
  const isFollowedLink = isOpen && fetchDest === 'document'
  const isOwn = fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none'
  return isOwn || isFollowedLink ? undefined : otherOrigin
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
