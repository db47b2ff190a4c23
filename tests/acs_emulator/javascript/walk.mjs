// What an application on Azure's JavaScript SDKs does, step by step; prints one JSON object of what it saw.
//
//   NODE_EXTRA_CA_CERTS=ca.pem node walk.mjs CONNECTION_STRING

import { ChatClient } from "@azure/communication-chat";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { CommunicationIdentityClient } from "@azure/communication-identity";

const EARLY = new Date(0);
const PAGE_SIZE = 2;

const [connectionString] = process.argv.slice(2);
const endpoint = /endpoint=([^;]+)/.exec(connectionString)[1];
const identities = new CommunicationIdentityClient(connectionString);

async function newUser(displayName, scopes = ["chat"]) {
  const { token, user } = await identities.createUserAndToken(scopes);
  const chat = new ChatClient(endpoint, new AzureCommunicationTokenCredential(token));
  return { chat, displayName, id: user, token };
}

function participant({ id, displayName }) {
  return { id, displayName, shareHistoryTime: EARLY };
}

async function collect(iterator) {
  const items = [];
  for await (const item of iterator) items.push(item);
  return items;
}

async function collectPages(iterator) {
  const pages = [];
  for await (const page of iterator.byPage()) pages.push(page);
  return pages;
}

async function refusal(action) {
  try {
    await action();
    return { statusCode: 0, code: "not refused" };
  } catch (error) {
    return { statusCode: error.statusCode, code: error.code };
  }
}

async function createThread(alice, bob) {
  const created = await alice.chat.createChatThread(
    { topic: "Lunch" },
    {
      participants: [participant(bob)],
      metadata: { place: "canteen", table: "4" },
      retentionPolicy: { kind: "threadCreationDate", deleteThreadAfterDays: 60 },
    },
  );
  return created.chatThread;
}

async function changeThread(thread) {
  await thread.updateProperties({ topic: "Dinner", metadata: { table: "5" }, retentionPolicy: { kind: "none" } });
  const { topic, metadata, retentionPolicy } = await thread.getProperties();
  return { topic, metadata, retentionPolicy };
}

async function converse(mine, theirs) {
  const text = await mine.sendMessage({ content: "Hello, Zoë" }, { senderDisplayName: "Alice", metadata: { mood: "hungry" } });
  const html = await theirs.sendMessage({ content: "<b>Hi</b>" }, { type: "html" });
  const doomed = await mine.sendMessage({ content: "Never mind" });
  await mine.updateMessage(text.id, { content: "Hello, Zoë!" });
  await mine.deleteMessage(doomed.id);
  return { text: text.id, html: html.id, doomed: doomed.id };
}

async function readBack(thread, ids) {
  const edited = await thread.getMessage(ids.text);
  const deleted = await thread.getMessage(ids.doomed);
  const pages = await collectPages(thread.listMessages({ maxPageSize: PAGE_SIZE }));
  return {
    edited: { content: edited.content.message, metadata: edited.metadata, wasEdited: edited.editedOn instanceof Date },
    deleted: { content: deleted.content?.message ?? "", wasDeleted: deleted.deletedOn instanceof Date },
    largestPage: Math.max(...pages.map((page) => page.length)),
    sequence: pages.flat().map((message) => Number(message.sequenceId)),
    types: pages.flat().map((message) => message.type),
  };
}

async function changeParticipants(thread, carol) {
  const names = async () => (await collect(thread.listParticipants({ maxPageSize: 1 }))).map((each) => each.displayName ?? "");
  await thread.addParticipants({ participants: [participant(carol)] });
  const added = await names();
  await thread.removeParticipant(carol.id);
  return { added, removed: await names() };
}

async function acknowledge(thread, messageId) {
  await thread.sendReadReceipt({ chatMessageId: messageId });
  const typed = await thread.sendTypingNotification({ senderDisplayName: "Bob" });
  const receipts = await collect(thread.listReadReceipts());
  return { typed, receipts: receipts.map((each) => each.chatMessageId) };
}

async function refusals(alice, thread, ids) {
  const stranger = await newUser("Mallory");
  const limited = await newUser("Guest", ["chat.join"]);
  const foreign = (user) => user.chat.getChatThreadClient(thread.threadId);
  const results = {
    foreignThread: await refusal(() => foreign(stranger).getProperties()),
    foreignMessage: await refusal(() => thread.updateMessage(ids.html, { content: "no" })),
    missingMessage: await refusal(() => thread.getMessage("1")),
    tooNarrow: await refusal(() => limited.chat.createChatThread({ topic: "no" })),
    badRetention: await refusal(() =>
      thread.updateProperties({ retentionPolicy: { kind: "threadCreationDate", deleteThreadAfterDays: 1 } }),
    ),
  };
  await identities.revokeTokens(stranger.id);
  results.revoked = await refusal(() => collect(stranger.chat.listChatThreads()));
  return results;
}

async function walk() {
  const [alice, bob, carol] = await Promise.all(["Alice", "Bob", "Carol"].map((name) => newUser(name)));
  const created = await createThread(alice, bob);
  const [mine, theirs] = [alice, bob].map((user) => user.chat.getChatThreadClient(created.id));
  const ids = await converse(mine, theirs);
  const report = {
    created: { topic: created.topic, metadata: created.metadata, retentionPolicy: created.retentionPolicy },
    changed: await changeThread(mine),
    messages: await readBack(theirs, ids),
    participants: await changeParticipants(mine, carol),
    acknowledged: await acknowledge(theirs, ids.text),
    textId: ids.text,
    refused: await refusals(alice, mine, ids),
    listed: (await collect(bob.chat.listChatThreads())).map((item) => item.topic),
  };
  await alice.chat.deleteChatThread(created.id);
  report.listedAfterDeletion = (await collect(alice.chat.listChatThreads())).length;
  await identities.deleteUser(carol.id);
  return report;
}

console.log(JSON.stringify(await walk(), null, 2));
