// Certificate policies along a path (RFC 5280 §6.1.2 to §6.1.5) as the graph of RFC 9618: the tree of RFC 5280 can be made to
// grow without bounds by who issues certificates (CVE-2023-0464). Policies are OIDs; qualifiers do not count.
import type { Certificate } from './certificate.ts'

export const ANY_POLICY = '2.5.29.32.0'

export interface PolicyRules {
  /** OIDs that the user accepts, where `requireExplicit` or a CA of the path asks for a policy; absent: any. */
  readonly accepted?: readonly string[]
  readonly requireExplicit?: boolean
  readonly inhibitMapping?: boolean
  readonly inhibitAny?: boolean
}

interface PolicyNode {
  readonly policy: string
  expected: ReadonlySet<string>
  readonly parents: ReadonlySet<PolicyNode>
}

type Layer = Map<string, PolicyNode>

/** Why the policies of the path do not hold; undefined where they do. `path`: from below the anchor to the leaf. */
export function policyFault(path: readonly Certificate[], rules: PolicyRules): string | undefined {
  const root: PolicyNode = { policy: ANY_POLICY, expected: new Set([ANY_POLICY]), parents: new Set() }
  let layers: Layer[] | undefined = [new Map([[ANY_POLICY, root]])]
  const most = path.length + 1
  let explicit = rules.requireExplicit === true ? 0 : most
  let mapping = rules.inhibitMapping === true ? 0 : most
  let any = rules.inhibitAny === true ? 0 : most
  for (const [index, certificate] of path.entries()) {
    const isLast = index === path.length - 1
    const takesAny = any > 0 || (!isLast && certificate.isSelfIssued)
    if (layers !== undefined) layers = addLayer(layers, certificate.policies, takesAny)
    if (explicit === 0 && layers === undefined) return `${certificate.subject.text} has none of the policies it needs`
    if (isLast) break
    const mapped = certificate.policyMappings
    if (mapped.some(one => one.issuer === ANY_POLICY || one.subject === ANY_POLICY)) {
      return `${certificate.subject.text} maps the policy that stands for all`
    }
    if (layers !== undefined) layers = mapPolicies(layers, certificate, mapping > 0)
    if (!certificate.isSelfIssued) [explicit, mapping, any] = [lower(explicit), lower(mapping), lower(any)]
    explicit = Math.min(explicit, certificate.requireExplicitPolicy ?? explicit)
    mapping = Math.min(mapping, certificate.inhibitPolicyMapping ?? mapping)
    any = Math.min(any, certificate.inhibitAnyPolicy ?? any)
  }
  const leaf = path.at(-1)
  if (leaf === undefined) return undefined
  // §6.1.5: at the end the leaf counts too, and its own demand at once.
  explicit = leaf.requireExplicitPolicy === 0 ? 0 : lower(explicit)
  if (explicit > 0 || isAccepted(layers, rules.accepted)) return undefined
  return `${leaf.subject.text} has no policy that is accepted`
}

const lower = (count: number) => Math.max(0, count - 1)

/** §6.1.3 (d) and (e); undefined is the empty graph. */
function addLayer(layers: Layer[], policies: readonly string[] | undefined, takesAny: boolean): Layer[] | undefined {
  if (policies === undefined) return undefined
  const above = layers.at(-1)!
  const expecting = new Map<string, Set<PolicyNode>>()
  for (const node of above.values()) {
    for (const policy of node.expected) {
      const nodes = expecting.get(policy)
      if (nodes === undefined) expecting.set(policy, new Set([node]))
      else nodes.add(node)
    }
  }
  const anyAbove = above.get(ANY_POLICY)
  const layer: Layer = new Map()
  const add = (policy: string, parents: ReadonlySet<PolicyNode>) =>
    layer.set(policy, { policy, expected: new Set([policy]), parents })
  for (const policy of policies) {
    if (policy === ANY_POLICY) continue
    const parents = expecting.get(policy) ?? (anyAbove === undefined ? undefined : new Set([anyAbove]))
    if (parents !== undefined) add(policy, parents)
  }
  if (takesAny && policies.includes(ANY_POLICY)) {
    for (const [policy, parents] of expecting) if (!layer.has(policy)) add(policy, parents)
  }
  return prune([...layers, layer])
}

/** §6.1.4 (b). */
function mapPolicies(layers: Layer[], certificate: Certificate, isAllowed: boolean): Layer[] | undefined {
  const layer = layers.at(-1)!
  const mapped = new Map<string, Set<string>>()
  for (const { issuer, subject } of certificate.policyMappings) {
    const targets = mapped.get(issuer)
    if (targets === undefined) mapped.set(issuer, new Set([subject]))
    else targets.add(subject)
  }
  const anyNode = layer.get(ANY_POLICY)
  for (const [policy, expected] of mapped) {
    const node = layer.get(policy)
    if (!isAllowed) layer.delete(policy)
    else if (node !== undefined) node.expected = expected
    else if (anyNode !== undefined) layer.set(policy, { policy, expected, parents: anyNode.parents })
  }
  return prune(layers)
}

/** Only nodes that lead to the last layer stay. */
function prune(layers: Layer[]): Layer[] | undefined {
  for (let depth = layers.length - 2; depth >= 0; depth--) {
    const alive = new Set([...layers[depth + 1]!.values()].flatMap(node => [...node.parents]))
    for (const [policy, node] of layers[depth]!) if (!alive.has(node)) layers[depth]!.delete(policy)
  }
  return layers.at(-1)!.size === 0 ? undefined : layers
}

/** §6.1.5 (g): the policies of the anchor's own domain that the path stands for, against those of the user. */
function isAccepted(layers: Layer[] | undefined, accepted: readonly string[] | undefined): boolean {
  if (layers === undefined) return false
  if (accepted === undefined || accepted.includes(ANY_POLICY)) return true
  // Whatever the user accepts, the last layer has it.
  if (layers.length > 1 && layers.at(-1)!.has(ANY_POLICY) && accepted.length > 0) return true
  const nodes = layers.flatMap(layer => [...layer.values()])
  return nodes.some(
    node => accepted.includes(node.policy) && [...node.parents].some(parent => parent.policy === ANY_POLICY),
  )
}
