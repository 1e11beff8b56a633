"""The engine under stress: crowds, crashes, frozen workers, lost databases and full disks."""
