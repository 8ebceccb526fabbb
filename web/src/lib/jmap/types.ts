// The objects of JMAP as this front end uses them (RFC 8620, RFC 8621).
export type Id = string;
export type UtcDate = string;

export interface Account {
  name: string;
  isPersonal: boolean;
  isReadOnly: boolean;
  accountCapabilities: Record<string, Record<string, unknown>>;
}

export interface Session {
  capabilities: Record<string, Record<string, unknown>>;
  accounts: Record<Id, Account>;
  primaryAccounts: Record<string, Id>;
  username: string;
  apiUrl: string;
  downloadUrl: string;
  uploadUrl: string;
  eventSourceUrl: string;
  state: string;
}

export interface Rights {
  mayReadItems: boolean;
  mayAddItems: boolean;
  mayRemoveItems: boolean;
  maySetSeen: boolean;
  maySetKeywords: boolean;
  mayCreateChild: boolean;
  mayRename: boolean;
  mayDelete: boolean;
  maySubmit: boolean;
}

export type Role =
  | "inbox"
  | "drafts"
  | "sent"
  | "archive"
  | "junk"
  | "trash"
  | "snoozed"
  | "flagged"
  | "important"
  | "all"
  | (string & {});

export interface Mailbox {
  id: Id;
  name: string;
  parentId: Id | null;
  role: Role | null;
  sortOrder: number;
  totalEmails: number;
  unreadEmails: number;
  totalThreads: number;
  unreadThreads: number;
  myRights: Rights;
  isSubscribed: boolean;
}

export interface Address {
  name: string | null;
  email: string;
}

export interface BodyPart {
  partId: string | null;
  blobId: Id | null;
  size: number;
  name: string | null;
  type: string;
  charset: string | null;
  disposition: string | null;
  cid: string | null;
  subParts?: BodyPart[] | null;
}

export interface BodyValue {
  value: string;
  isEncodingProblem: boolean;
  isTruncated: boolean;
}

/** What a list shows of an email. */
export interface EmailHead {
  id: Id;
  threadId: Id;
  mailboxIds: Record<Id, true>;
  keywords: Record<string, true>;
  receivedAt: UtcDate;
  from: Address[] | null;
  to: Address[] | null;
  subject: string | null;
  preview: string;
  hasAttachment: boolean;
  size: number;
  /** When it comes back, if it sleeps (docs/design/jmap.md). */
  snoozed?: { until: UtcDate } | null;
  /** When it comes up, if nobody answers it. */
  followUp?: { at: UtcDate } | null;
}

/** What is read of an email. */
export interface Email extends EmailHead {
  blobId: Id;
  sentAt: string | null;
  cc: Address[] | null;
  bcc: Address[] | null;
  replyTo: Address[] | null;
  sender: Address[] | null;
  messageId: string[] | null;
  inReplyTo: string[] | null;
  references: string[] | null;
  textBody: BodyPart[];
  htmlBody: BodyPart[];
  attachments: BodyPart[];
  bodyValues: Record<string, BodyValue>;
  /** RFC 9219 4.1, where the server judges S/MIME. */
  smimeStatus?: string | null;
  smimeStatusAtDelivery?: string | null;
  smimeErrors?: string[] | null;
  [header: `header:${string}`]: unknown;
}

/** The name and the colour of a keyword (docs/design/jmap.md). */
export interface Label {
  id: Id;
  keyword: string;
  name: string;
  color: "gray" | "red" | "orange" | "yellow" | "green" | "teal" | "blue" | "purple" | "pink";
}

export interface SetError {
  type: string;
  description?: string;
  properties?: string[];
}

export interface SetAnswer {
  oldState: string | null;
  newState: string;
  created?: Record<string, Record<string, unknown>> | null;
  updated?: Record<Id, Record<string, unknown> | null> | null;
  destroyed?: Id[] | null;
  notCreated?: Record<string, SetError> | null;
  notUpdated?: Record<Id, SetError> | null;
  notDestroyed?: Record<Id, SetError> | null;
}

export interface GetAnswer<T> {
  state: string;
  list: T[];
  notFound: Id[];
}

export interface QueryAnswer {
  queryState: string;
  canCalculateChanges: boolean;
  position: number;
  ids: Id[];
  total?: number;
}

export interface ChangesAnswer {
  oldState: string;
  newState: string;
  hasMoreChanges: boolean;
  created: Id[];
  updated: Id[];
  destroyed: Id[];
}
