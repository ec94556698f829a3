"""The arm: methods that did not ship with this package run at arm's length, in a process that holds nothing of a run.

host      the harness's side: starts the arm, asks it, and answers what a method asks
guest     a method of the arm as the harness sees it
channel   messages between the two, which a method may forge
sandbox   how the arm's process is started, and what it sees of the machine
inside    the arm's side: a process without a plug-in, which forks one child per request
visit     the life of such a child
desk      what a method asks there, as requests
confine   what such a child may not do
"""
