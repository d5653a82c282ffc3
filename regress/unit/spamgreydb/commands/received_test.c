/* LINK: spamgreydb/commands */
/*
 * Received lines in the forms of many mail servers, lines that clients have
 * forged, and the walk through a header.
 */
#include <stdint.h>

#include "spamgreydb/commands/received.h"
#include "regress/lib/tap.h"

#define ADDR(line, addr)	check(line, RECEIVED_ADDR, addr)
#define LOCAL(line)		check(line, RECEIVED_LOCAL, "")
#define UNCLEAR(line)		check(line, RECEIVED_UNCLEAR, "")

static void
check(const char *line, enum received_kind kind, const char *addr)
{
	struct received	r;
	char		text[ADDR_STRLEN] = "", name[120];

	received_parse(line, strlen(line), &r);
	if (r.kind == RECEIVED_ADDR)
		addr_str(&r.addr, text);
	snprintf(name, sizeof(name), "%.100s", line);
	name[strcspn(name, "\r\n#")] = '\0';
	is_int(r.kind, kind, name);
	is_str(text, addr, "its address");
}

static void
free_servers(void)
{
	/* ours */
	ADDR(" from mx.example.com ([192.0.2.7])\r\n\tby mx.example.org with "
	    "ESMTP\r\n\tid 0123456789abcdef; Mon, 23 Nov 2026 21:00:00 +0000",
	    "192.0.2.7");
	ADDR(" from h ([IPv6:2001:db8::7])\r\n\tby mx.example.org with ESMTPS"
	    "\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\tid 1; date",
	    "2001:db8::7");
	/* Postfix */
	ADDR(" from mail.example.com (mail.example.com [192.0.2.1])\n\tby "
	    "mx.example.org (Postfix) with ESMTPS id 4Xy\n\tfor <a@b>; date",
	    "192.0.2.1");
	ADDR(" from [198.51.100.9] (unknown [192.0.2.2])\n\tby mx (Postfix) "
	    "with SMTP id 1; date", "192.0.2.2");
	ADDR(" from x (x.example.com [IPv6:2001:db8:1::25])\n\t(using TLSv1.3 "
	    "with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n\t key-exchange"
	    " X25519)\n\t(Client CN \"[198.51.100.9]\", Issuer \"x\" (not "
	    "verified))\n\tby mx (Postfix) with ESMTPS id 1", "2001:db8:1::25");
	ADDR(" from x (y [192.0.2.3])\n\t(Client CN \"a [198.51.100.9] b\", "
	    "Issuer \"x\" (not verified))\n\tby mx (Postfix)", "192.0.2.3");
	ADDR(" from x (y [192.0.2.3])\n\t(Authenticated sender: a "
	    "[198.51.100.9])\n\tby mx (Postfix)", "192.0.2.3");
	LOCAL(" by mx.example.org (Postfix, from userid 1000)\n\tid 4X; date");
	/* sendmail */
	ADDR(" from host.example.com (host.example.com [192.0.2.4])\n\tby mx "
	    "(8.17.1/8.17.1) with ESMTP id 4AN", "192.0.2.4");
	ADDR(" from a (b.example.com [192.0.2.5] (may be forged))\n\tby mx "
	    "(8.17.1)", "192.0.2.5");
	ADDR(" from a (IDENT:root@b.example.com [192.0.2.6])\n\tby mx (8.9)",
	    "192.0.2.6");
	ADDR(" from a (root@[192.0.2.6])\n\tby mx (8.9)", "192.0.2.6");
	ADDR(" from a ([IPv6:2001:db8:0:0:0:0:0:9])\n\tby mx (8.17.1/8.17.1)",
	    "2001:db8::9");
	LOCAL(" (from user@localhost)\n\tby mx.example.org (8.17.1/8.17.1/"
	    "Submit) id 4A");
	/* Exim */
	ADDR(" from host.example.com ([192.0.2.8])\n\tby mx with esmtps (TLS1.3)"
	    " tls TLS_AES\n\t(Exim 4.96)\n\t(envelope-from <a@b>)\n\tid 1-2",
	    "192.0.2.8");
	ADDR(" from host.example.com ([192.0.2.8] helo=[198.51.100.9])\n\tby mx",
	    "192.0.2.8");
	ADDR(" from host.example.com ([192.0.2.8]:40022 helo=h ident=[198.51."
	    "100.9])\n\tby mx", "192.0.2.8");
	ADDR(" from [192.0.2.9] (helo=[198.51.100.9])\n\tby mx with esmtp "
	    "(Exim 4.96)", "192.0.2.9");
	ADDR(" from [192.0.2.9]:40022 (port=40022 helo=h)\n\tby mx", "192.0.2.9");
	ADDR(" from [2001:db8::a] (helo=h) by mx with smtp (Exim 4.9)",
	    "2001:db8::a");
	LOCAL(" from root by mx.example.org with local (Exim 4.96)\n\t(envelope-"
	    "from <root@mx>) id 1-2");
	/* OpenSMTPD */
	ADDR(" from mail.example.com (mail.example.com [192.0.2.10])\n\tby mx "
	    "(OpenSMTPD) with ESMTPS id 1 (TLSv1.3:T:256:NO)\n\tfor <a@b>; d",
	    "192.0.2.10");
	ADDR(" from h (<unknown> [IPv6:2001:db8::b])\n\tby mx (OpenSMTPD)",
	    "2001:db8::b");
	LOCAL(" from mx.example.org (localhost [local])\n\tby mx.example.org "
	    "(OpenSMTPD) with ESMTPA id 5; date");
	/* qmail */
	ADDR(" from unknown (HELO mail.example.com) (192.0.2.11)\n  by mx with "
	    "SMTP; 23 Nov 2026 21:00:00 -0000", "192.0.2.11");
	ADDR(" from mail.example.com (192.0.2.11)\n  by mx with SMTP; date",
	    "192.0.2.11");
	ADDR(" from h (HELO [198.51.100.9]) (user@192.0.2.11)\n  by mx with "
	    "SMTP; date", "192.0.2.11");
	ADDR(" from unknown (HELO h) (2001:db8::c)\n  by mx with SMTP; date",
	    "2001:db8::c");
	LOCAL(" (qmail 1234 invoked from network); 23 Nov 2026 21:00:00 -0000");
	LOCAL(" (qmail 1234 invoked by uid 89); 23 Nov 2026 21:00:00 -0000");
}

static void
other_servers(void)
{
	/* Exchange, and the SMTP service before it */
	ADDR(" from mail.example.com (192.0.2.12) by EX1.corp.example.org "
	    "(10.0.0.5)\n with Microsoft SMTP Server (version=TLS1_2, cipher=X)"
	    " id 15.1; date", "192.0.2.12");
	ADDR(" from [198.51.100.9] (192.0.2.12) by EX1 (10.0.0.5) with "
	    "Microsoft SMTP Server id 15", "192.0.2.12");
	ADDR(" from A.prod.outlook.example (2001:db8:10a6:208::15)\n by B "
	    "(2001:db8:10a6:7::9) with Microsoft SMTP Server", "2001:db8:10a6:208::15");
	ADDR(" from EX1 ([fe80::1%12]) by EX2 ([fe80::2%3]) with mapi id 15",
	    "fe80::1");
	ADDR(" from h ([192.0.2.13]) by EX with Microsoft SMTPSVC(6.0.3790)",
	    "192.0.2.13");
	/* others */
	ADDR(" from h (h.example.com [::ffff:192.0.2.14])\n  (AUTH: LOGIN a, "
	    "TLS: TLSv1)\n  by mx with ESMTPS id 1", "192.0.2.14");
	ADDR(" from [192.0.2.15] (HELO h)\n  by mx (CommuniGate Pro SMTP 6.2)",
	    "192.0.2.15");
	ADDR(" from 192.0.2.16  (EHLO h) (192.0.2.16)\n  by mta1 with SMTPs",
	    "192.0.2.16");
	ADDR(" from 192.0.2.16  (EHLO h) by mta1 with SMTPs", "192.0.2.16");
	ADDR(" from h (h. [192.0.2.17])\n        by mx.google.example with "
	    "ESMTPS id 1", "192.0.2.17");
	LOCAL(" by 2001:db8:a05:7110::1 with SMTP id 1;\n        date");
	LOCAL(" from mx.example.org\n\tby mx.example.org with LMTP\n\tid aB");
	ADDR(" from mx ([127.0.0.1])\n\tby mx (Dovecot) with LMTP id 1",
	    "127.0.0.1");
}

static void
bent(void)
{
	static char	big[20000];
	struct received	r;

	/* a HELO that looks like the comment of the server */
	UNCLEAR(" from x ([198.51.100.9]) (y [192.0.2.1]) by mx");
	UNCLEAR(" from x(y [198.51.100.9]) (z [192.0.2.1]) by mx");
	UNCLEAR(" from a(b (y [192.0.2.1]) by mx with ESMTP; date");
	UNCLEAR(" from a (u [198.51.100.9] @b [192.0.2.1]) by mx");
	ADDR(" from a)b (y [192.0.2.1]) by mx", "192.0.2.1");
	ADDR(" from by (y [192.0.2.1]) by mx", "192.0.2.1");
	ADDR(" from with-LMTP (y [192.0.2.1]) by mx with ESMTP", "192.0.2.1");
	/* said, but not seen by any server */
	UNCLEAR(" from 198.51.100.9 by mx with ESMTP");
	UNCLEAR(" from 198.51.100.9 (SquirrelMail authenticated user a) by mx "
	    "with HTTP");
	UNCLEAR(" from [198.51.100.9] (mail.example.com) by mx with SMTP");
	UNCLEAR(" from [198.51.100.9] (Client [) by mx with SMTP");
	UNCLEAR(" from mail.example.com by mx with SMTP");
	/* no addresses */
	UNCLEAR(" from x (y [192.0.2.256]) by mx");
	UNCLEAR(" from x (y [192.0.2.1]x) by mx");
	UNCLEAR(" from x (y [192.0.2.1) by mx");
	UNCLEAR(" from x (y [192.0.2.1]:port) by mx");
	UNCLEAR(" from x (y [192.0.02.1.]) by mx");
	UNCLEAR(" from x (192.0.2.1 192.0.2.2) by mx");
	UNCLEAR(" from x (y [192.0.2.1] by mx");
	UNCLEAR(" from");
	UNCLEAR(" from x");
	UNCLEAR("");
	UNCLEAR(" ; date");
	UNCLEAR(" nonsense");
	/* what is behind the date or the limit does not count */
	UNCLEAR(" from x; (y [192.0.2.1]) by mx");
	memset(big, 'x', sizeof(big) - 1);
	memcpy(big, " from ", 6);
	memcpy(big + 6000, " (y [192.0.2.1]) by mx ", 23);
	received_parse(big, sizeof(big) - 1, &r);
	is_int(r.kind, RECEIVED_UNCLEAR, "a word past the limit");
	is_int(strlen(r.from), RECEIVED_NAME_MAX, "a name is cut");
	memset(big, '(', sizeof(big) - 1);
	received_parse(big, sizeof(big) - 1, &r);
	is_int(r.kind, RECEIVED_UNCLEAR, "deep comments");
	received_parse(" from a\0b (y [192.0.2.1]) by mx", 31, &r);
	is_int(r.kind, RECEIVED_ADDR, "a NUL is a blank");
	received_parse(" from mx.EXAMPLE.org by mx.example.org (x) with ESMTP", 53,
	    &r);
	is_str(r.from, "mx.EXAMPLE.org", "the name behind from");
	is_str(r.by, "mx.example.org", "the name behind by");
}

static void
header(void)
{
	static const char	msg[] =
	    "From someone Mon Nov 23\n"
	    "Return-Path: <a@b>\n"
	    "Received: one\n"
	    "\tmore of one\n"
	    " and more\n"
	    "received : two\r\n"
	    "X-Received: not this\n"
	    "\tReceived: nor this\n"
	    "ReceivedX: nor this\n"
	    "RECEIVED:\n"
	    "\r\n"
	    "Received: in the body\n";
	static const char	*want[] = { " one\n\tmore of one\n and more",
	    " two\r", "" };
	static const char	 broken[] = "A: 1\nno field\nReceived: x\n\n";
	const char		*value, *end = msg + sizeof(msg) - 1;
	const char		*pos = received_header(msg, end);
	char			 text[100];
	size_t			 len, i;

	for (i = 0; received_next(&pos, end, &value, &len) && i < 3; i++) {
		snprintf(text, sizeof(text), "%.*s", (int)len, value);
		is_str(text, want[i], "a line of the header");
	}
	is_int(i, 3, "as many as there are");
	ok(!received_next(&pos, end, &value, &len), "and it stays at the end");
	pos = received_header(msg, end);
	end = msg + 57;			/* in the middle of a value */
	ok(received_next(&pos, end, &value, &len) &&
	    value + len <= end, "a header that is cut");
	ok(!received_next(&pos, end, &value, &len), "has an end");
	pos = end = msg;
	ok(!received_next(&pos, end, &value, &len), "an empty one");
	pos = broken;
	end = broken + sizeof(broken) - 1;
	ok(!received_next(&pos, end, &value, &len) && pos == end,
	    "behind a line that is no field is the body");
}

int
main(void)
{
	free_servers();
	other_servers();
	bent();
	header();
	return (done());
}
