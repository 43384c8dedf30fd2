// One thing that two rules agree on, or part over.

export type Subject =
  | 'mode'
  | 'keying'
  | 'ike'
  | 'security'
  | 'fresh keys'
  | 'authentication'
  | 'post-quantum key'
  | 'lifetime'

export interface Part {
  readonly subject: Subject
  /** `differs`: the hosts cannot agree. `warning`: they can, and a person should know. */
  readonly state: 'agreed' | 'differs' | 'warning'
  /** What is agreed on, or why not. A is the first host, B the second. */
  readonly text: string
}
