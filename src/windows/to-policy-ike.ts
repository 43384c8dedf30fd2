// How IKE runs in a policy of Windows, in our words: methods of main mode, lifetimes, master key PFS.
import { DEFAULT_IKE_SECONDS } from '../policy/ike-schema.ts'
import type { IkeSettings } from '../policy/model.ts'
import type { IsakmpContent } from './policy-blobs.ts'
import { type Losses, smallest, someOf } from './policy-losses.ts'
import { fixedMethodName, ikeSecurityName } from './policy-methods.ts'

/** Undefined where nothing of it differs from our own. */
export function ikeOf(content: IsakmpContent | undefined, losses: Losses): IkeSettings | undefined {
  if (content === undefined) {
    losses.warn('the policy has no settings of IKE', 'our own are kept')
    return undefined
  }
  const masterPfs = content.masterPfs !== 0
  // Master key PFS is a limit of one in itself.
  if (!masterPfs && content.quickModeLimit !== 0) {
    losses.warn(`an IKE session made ${content.quickModeLimit} associations at most`, 'here it ends by time')
  }
  if ((content.options & 1) !== 0) losses.error('certificates stood for accounts of the domain', 'write accounts')
  if ((content.options & 2) !== 0) losses.warn('no authority was named in requests for certificates', 'here they are')
  const security = methodNames(content, losses)
  const seconds = ikeSeconds(content, losses)
  const ike = {
    ...(security.length === 0 ? {} : { security }),
    ...(seconds === undefined ? {} : { lifetime: { seconds } }),
    ...(masterPfs ? { masterPfs } : {}),
  }
  return Object.keys(ike).length === 0 ? undefined : ike
}

function methodNames(content: IsakmpContent, losses: Losses): readonly string[] {
  const first = [...content.fixedMethods].flatMap(number => fixedMethodName(number) ?? [])
  const others = content.methods.flatMap(method => {
    const named = ikeSecurityName(method)
    if ('name' in named) return [named.name]
    losses.warn(`a method is left out: ${named.why}`, 'the others stay')
    return []
  })
  const all = [...new Set([...first, ...others])]
  if (all.length === 0) losses.warn('no method is left', 'our own are offered')
  return all
}

/** That of the whole, or the shortest of the methods'; undefined for the 8 hours that both sides have anyway. */
function ikeSeconds(content: IsakmpContent, losses: Losses): number | undefined {
  const own = content.methods.map(({ seconds }) => (seconds === 0 ? DEFAULT_IKE_SECONDS : seconds))
  const least = content.seconds === 0 ? (smallest(own) ?? DEFAULT_IKE_SECONDS) : content.seconds
  if (content.seconds === 0 && own.some(seconds => seconds !== least)) {
    losses.warn(`the methods had lifetimes of their own: ${someOf(own)} seconds`, `${least} is kept for all`)
  }
  if (content.seconds === 0 && least === DEFAULT_IKE_SECONDS) return undefined
  const kept = Math.min(31_536_000, Math.max(10, least))
  if (kept !== least) losses.warn(`a lifetime of ${least} seconds cannot be said`, `${kept} is kept`)
  return kept
}
